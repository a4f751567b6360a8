"""The audit of hidden pictures."""
