"""`DativoJobs`: a folder of jobs and a runner file as a component of Dagster, written in YAML.

::

    type: dativo_ingest.dagster.component.DativoJobs
    attributes:
      jobs_folder: jobs
      runner_config: runner.yaml
      root: "{{ env.DATIVO_ROOT }}"
"""

import dagster as dg

from dativo_ingest.dagster.definitions import definitions
from dativo_ingest.dagster.location import GRACE_SECONDS, Location


class DativoJobs(dg.Component, dg.Model, dg.Resolvable):
    """Jobs of `dativo` as assets with schedules; the attributes are those of `dativo_ingest.dagster.location.Location`.

    Relative paths start at `root`, which starts where Dagster is run.
    """

    jobs_folder: str | None = None
    runner_config: str | None = None
    root: str = "."
    state_dir: str | None = None
    secrets_dir: str | None = None
    mode: str = "self_hosted"
    partial_ok: bool = True
    max_retries: int = 2
    retry_seconds: float = 30.0
    grace_seconds: float = GRACE_SECONDS

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return assets, jobs, schedules and sensors."""
        return definitions(Location(**self.model_dump()))
