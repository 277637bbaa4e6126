"""Aggregate checks: metrics, thresholds, and SQL in a jail."""
