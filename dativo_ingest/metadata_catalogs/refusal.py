"""What a metadata catalog says no to: one table, not the whole push."""

from __future__ import annotations

from dativo_ingest.errors import OrchestratorError

_NO_SIGN_IN = 401


class RefusedError(OrchestratorError):
    """A catalog does not take what is told about one table; the others are pushed all the same."""

    code = "catalog"
    retryable = None
    cause = "A metadata catalog (OpenMetadata, Glue, Unity) does not take what it is told about one table."
    data = "None: the rows are published, other tables are told of, and the exit code stays as it is."
    remedy = "Check the rights of the sign-in and the catalog's log. The next run tells it again."
    command = "dativo check --config job.yaml"


def refused(status: int, place: str, setting: str) -> OrchestratorError:
    """Return the error for a status: of the sign-in, which ends the push, or of what was asked for."""
    if status == _NO_SIGN_IN:
        return OrchestratorError(f"the catalog does not let us in (status {status})", f"check {setting}")
    return RefusedError(f"the catalog refuses {place} (status {status})", "check its log, and our rights there")
