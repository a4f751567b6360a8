"""Photos turned into noise, and turned back."""
