"""A stand-in for Azure on this machine: see README.md."""
