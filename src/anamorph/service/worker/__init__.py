"""A worker process: takes items from the queue and runs them, together where they fit."""

REFUSED = 2
"""Exit status of a worker whose settings cannot be used: starting it again is no help."""
