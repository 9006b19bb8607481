"""The trial of a checkpoint's engines: candidates, measurement, verdict, report."""
