"""The client of an online endpoint."""
