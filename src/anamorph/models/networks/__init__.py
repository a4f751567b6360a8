"""Networks of our own: key networks for their owner, decoders for shadows and attackers."""
