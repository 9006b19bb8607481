"""Statistics and a report of a table of results."""
