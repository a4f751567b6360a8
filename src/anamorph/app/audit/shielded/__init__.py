"""The audit of shielded features."""
