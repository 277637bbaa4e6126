"""Jobs as assets of Dagster (extra `[dagster]`): `definitions` in Python, `DativoJobs` in YAML, or `dativo start`.

Dagster schedules, queues and shows; what it starts is `dativo run` of one job, in a process of its own. Nothing else
of `dativo_ingest` imports this package.
"""
