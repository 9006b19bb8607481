"""Checks of endpoints and deployments before they are made, so that mistakes cost no waiting."""

from scripts.azure.checks.offline import check_deployment, check_endpoint
from scripts.azure.checks.online import check_workspace

__all__ = ["check_deployment", "check_endpoint", "check_workspace"]
