"""From a deployment's file to a healthy deployment."""
