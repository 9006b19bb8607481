"""Near-copies among embedded images."""
