"""How a secret manager that cannot be used is named."""

from __future__ import annotations

from dativo_ingest.asking import trouble
from dativo_ingest.errors import OrchestratorError


def name_of(manager: str) -> str:
    """Return what messages call a manager."""
    return f"secret manager '{manager}'"


def refused(manager: str, what: str, setting: str) -> OrchestratorError:
    """Return the error of a manager that cannot be used, with the setting to look at."""
    return trouble(name_of(manager), what, setting)
