"""Images similar to given ones."""
