"""Checks of endpoints and deployments before they are made."""
