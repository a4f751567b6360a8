"""Networks trained here: keys, decoders that stand in for thieves, tails."""
