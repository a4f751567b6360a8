"""Networks of our own that play a role for their owner: key networks."""
