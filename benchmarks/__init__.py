"""Speed and memory, measured beside what one would otherwise use. Never run as a timed test."""
