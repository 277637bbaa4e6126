"""One module for each type of source: what its keys become as settings, selection and replication of a tap."""
