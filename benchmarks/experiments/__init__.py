"""Ways to do less work for one image, tried and reported whatever comes out: docs/experiments.md.

Nothing of the package uses them. They need the development environment.
"""
