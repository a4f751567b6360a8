"""The adversary's protocol and the report people read of it."""
