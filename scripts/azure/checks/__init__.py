"""Checks of endpoints, deployments and clusters before they are made: mistakes cost no waiting."""

from scripts.azure.checks.offline import check_cluster, check_deployment, check_endpoint
from scripts.azure.checks.online import check_cluster_online, check_workspace

__all__ = [
    "check_cluster",
    "check_cluster_online",
    "check_deployment",
    "check_endpoint",
    "check_workspace",
]
