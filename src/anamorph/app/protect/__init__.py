"""Photos that only the authorized model still reads."""
