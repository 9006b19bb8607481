"""What the scripts that work on an Azure ML workspace share."""
