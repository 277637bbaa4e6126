"""The instance of Dagster that `dativo start` runs in: limits of pools, no telemetry, and no file but in its folder."""

from __future__ import annotations

from pathlib import Path

from dativo_ingest.errors import OrchestratorError

FILE = "dagster.yaml"
_OURS = "# Written by `dativo start`; take this line out, and the file is left as it is.\n"
_CONTENT = """telemetry: {{enabled: false}}
nux: {{enabled: false}}
concurrency:
  pools: {{default_limit: {limit}, granularity: op}}
"""


def write_instance(home: Path, concurrency_per_tenant: int) -> Path:
    """Write the settings of an instance, unless its folder has some of somebody else's; return their path.

    Raises:
        OrchestratorError: the file cannot be written.

    """
    path = home / FILE
    try:
        if path.exists() and not path.read_text().startswith(_OURS):
            return path
        home.mkdir(parents=True, exist_ok=True)
        path.write_text(_OURS + _CONTENT.format(limit=concurrency_per_tenant))
    except OSError as error:
        raise OrchestratorError(
            f"{path} cannot be written ({error.strerror})", "set DAGSTER_HOME to a folder of your own"
        ) from None
    return path
