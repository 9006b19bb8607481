"""The management host: what Azure Resource Manager does for a workspace."""
