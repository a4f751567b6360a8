"""Runs over pictures anywhere, in shards: fetched, worked on, brought back, recorded."""
