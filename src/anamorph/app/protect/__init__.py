"""Photos that only authorized models still read."""
