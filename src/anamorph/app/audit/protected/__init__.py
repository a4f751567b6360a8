"""The audit of protected photos."""
