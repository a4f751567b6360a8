"""The methods at work on people who do not exist."""
