"""Every model authorized in turn, and read by all others."""
