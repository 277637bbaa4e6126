"""Catalogs of metadata beside the tables (a job's `catalog`): what is told to them after a run that published."""
