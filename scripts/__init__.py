"""What a person runs. Each script answers `--help` with an example."""
