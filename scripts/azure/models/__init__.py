"""What is registered: the folder, its card, its facts, its versions."""
