"""Use cases: what the command line and the service both call."""
