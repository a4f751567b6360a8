"""Many pictures, one engine: execution behind one interface."""
