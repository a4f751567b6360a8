"""The method beside old attacks and noise."""
