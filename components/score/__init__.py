"""Grading and embedding, as parallel components."""
