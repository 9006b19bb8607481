"""Moving traffic from one deployment to another, watched."""
