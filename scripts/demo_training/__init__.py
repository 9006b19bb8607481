"""How the demo checkpoint is made: `training`, `measuring`, and the `card` that tells of both."""
