"""Servers under load: ours, and what one would otherwise write, with the same weights."""
