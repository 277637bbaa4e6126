"""Names of tenants and jobs: they become folders, branches and ids, so only plain ones are taken."""

from __future__ import annotations

import re

_NAME = re.compile(r"(?=.{1,63}\Z)[a-z0-9]+(?:[_-][a-z0-9]+)*")
RULE = "use 1 to 63 of a-z, 0-9, and single _ or - between them"


def is_plain(name: str) -> bool:
    """Whether a tenant or job may have this name."""
    return _NAME.fullmatch(name) is not None


def job_id(tenant: str, job: str) -> str:
    """Return the name of a job in tables and logs; the dot is in no tenant's or job's name, so no two jobs share it."""
    return f"{tenant}.{job}"
