"""Azure ML components: each a folder with its YAML and its entry script."""
