"""Alerts: who is told of runs that failed, of rows in quarantine, and of jobs that have not succeeded for too long."""
