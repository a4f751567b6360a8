"""The HTTP side: who may ask for what, uploads, answers, events."""
