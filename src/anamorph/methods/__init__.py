"""The papers' equations as problems."""
