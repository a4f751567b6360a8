"""Audits: attack what was made, and report what holds."""
