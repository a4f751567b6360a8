"""Pictures and face features that only the models their owner trusts can use."""

__version__ = "0.1.0"
