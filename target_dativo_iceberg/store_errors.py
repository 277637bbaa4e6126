"""What catalogs and file stores raise, as our errors; messages name what was being done, never credentials."""

from __future__ import annotations

import os
import re

import requests
from pyiceberg.exceptions import CommitStateUnknownException, RESTError, ServiceUnavailableError
from sqlalchemy.exc import SQLAlchemyError

from target_dativo_iceberg.errors import DativoError, StoreError, UnknownOutcomeError


class store_errors:
    """Turn what catalogs and stores raise into StoreError; messages name what was being done, never credentials.

    Args:
        doing: what was being done, for people.
        writing: a missing answer leaves the outcome unknown (UnknownOutcomeError).

    """

    def __init__(self, doing: str, *, writing: bool = False) -> None:
        self._doing = doing
        self._silence: type[StoreError] = UnknownOutcomeError if writing else StoreError

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DativoError):
            return
        if isinstance(error, SQLAlchemyError):
            cause = type(getattr(error, "orig", None) or error).__name__
            raise StoreError(f"{self._doing} failed: the SQL catalog refused ({cause})", "check the catalog") from error
        if isinstance(error, (requests.RequestException, CommitStateUnknownException, ServiceUnavailableError)):
            raise self._silence(
                f"{self._doing} failed: no usable answer from the catalog ({type(error).__name__})",
                "check that it runs, then run again",
            ) from error
        if isinstance(error, RESTError):
            raise StoreError(
                f"{self._doing} failed: the catalog refused ({type(error).__name__})",
                "check its URI, branch, warehouse and credentials",
            ) from error
        if isinstance(error, OSError):
            reason, hint = refusal(error)
            raise StoreError(f"{self._doing} failed ({reason})", hint) from error


def refusal(error: OSError) -> tuple[str, str]:
    """Return what the file store said, without names of buckets and keys, and what to do."""
    if error.errno:
        # Not Arrow's own words: they hold the file's path, in which the values of partitions are.
        return os.strerror(error.errno), "check the warehouse's space and permissions"
    code = _code(error)
    words = code.replace("_", "").replace(" ", "").upper()
    hints = (hint for parts, hint in _HINTS.items() if any(part in words for part in parts.split()))
    return code, next(hints, "check that the store runs, and its settings: warehouse, s3_endpoint, the s3 keys")


_KEYS = "s3_access_key_id and s3_secret_access_key, or the keys that the environment or the catalog gives"
_HINTS = {
    "EXPIRED REFRESH": f"the key or token has expired, renew it: {_KEYS}",
    # What a HEAD gets, whose answers have no text: AWS says so of a token that has expired.
    "STATUS400": f"check {_KEYS}, which may have expired",
    "SKEWED": "set this machine's clock, which differs from the store's",
    "DENIED DISABLED SIGNATURE ACCESSKEY TOKEN CLIENTID UNAUTHORIZED": f"check {_KEYS}, and what they may do",
    "BUCKET": "check the bucket in 'warehouse' (on Nessie: in the server's warehouse)",
    "REDIRECT AUTHORIZATIONHEADER REGION": "check s3_region and s3_endpoint",
    "NETWORK CONNECTION TIMEOUT": "check s3_endpoint and that the store runs",
}
# What Arrow makes of the store's code, and the code itself where the AWS library has no name for it.
_CODES = (
    re.compile(r"ExceptionName: (\w{1,60})"),
    re.compile(r"AWS Error UNKNOWN \((HTTP status \d+)\)"),
    re.compile(r"AWS Error ([A-Z][A-Z_]+)"),
)


def _code(error: OSError) -> str:
    """Name an error of the object store by its code; the rest of its text holds bucket and key."""
    found = filter(None, (pattern.search(str(error)) for pattern in _CODES))
    return next((match[1] for match in found), type(error).__name__)
