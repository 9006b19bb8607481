"""What must exist before a deployment: made where it is missing, and never changed."""
