"""Stored face features, and the stores that hold them."""
