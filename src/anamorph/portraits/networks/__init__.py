"""The small classifiers that read portraits, one family after another."""
