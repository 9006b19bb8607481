"""Jobs of a batch endpoint: submitted, watched, their results fetched."""
