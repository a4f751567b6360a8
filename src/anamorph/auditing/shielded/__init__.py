"""The audit of a store of shielded features: what a thief makes of its records."""
