"""What catalogs and file stores raise, as our errors; messages name what was being done, never credentials."""

from __future__ import annotations

import errno
import os
import re
from typing import NamedTuple

import requests
from pyiceberg.exceptions import (
    BadRequestError,
    CommitStateUnknownException,
    ForbiddenError,
    RESTError,
    ServiceUnavailableError,
    UnauthorizedError,
)
from sqlalchemy.exc import SQLAlchemyError

from target_dativo_iceberg.errors import DativoError, StoreError, StoreRefusedError, UnknownOutcomeError


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
            lasts = isinstance(error, (BadRequestError, ForbiddenError, UnauthorizedError))
            raise (StoreRefusedError if lasts else StoreError)(
                f"{self._doing} failed: the catalog refused ({type(error).__name__})",
                "check its URI, branch, warehouse and credentials, and what they may do",
            ) from error
        if isinstance(error, OSError):
            raise refusal(self._doing, error) from error


class _Hint(NamedTuple):
    """What to do about codes with one of some parts; `lasts` when they do not go away by themselves."""

    parts: str
    text: str
    lasts: bool


_KEYS = "s3_access_key_id and s3_secret_access_key, or the keys that the environment or the catalog gives"
_HINTS = (
    # Who gives the keys may give new ones to the next process.
    _Hint("EXPIRED REFRESH", f"the key or token has expired, renew it: {_KEYS}", lasts=False),
    # What a HEAD gets, whose answers have no text: AWS says so of a token that has expired.
    _Hint("STATUS400", f"check {_KEYS}, which may have expired", lasts=False),
    _Hint("SKEWED", "set this machine's clock, which differs from the store's", lasts=False),
    _Hint(
        "DENIED DISABLED SIGNATURE ACCESSKEY TOKEN CLIENTID UNAUTHORIZED",
        f"check {_KEYS}, and what they may do",
        lasts=True,
    ),
    _Hint("BUCKET", "check the bucket in 'warehouse' (on Nessie: in the server's warehouse)", lasts=True),
    _Hint("REDIRECT AUTHORIZATIONHEADER REGION", "check s3_region and s3_endpoint", lasts=True),
    _Hint("NETWORK CONNECTION TIMEOUT", "check s3_endpoint and that the store runs", lasts=False),
)
_UNSURE = _Hint("", "check that the store runs, and its settings: warehouse, s3_endpoint, the s3 keys", lasts=False)
_LASTING_NUMBERS = (errno.EACCES, errno.EPERM, errno.EROFS)


def refusal(doing: str, error: OSError) -> StoreError:
    """Return what the file store said, without names of buckets and keys, and what to do.

    Args:
        doing: what was being done, for people.
        error: of the store.

    """
    if error.errno:
        # Not Arrow's own words: they hold the file's path, in which the values of partitions are.
        reason, hint = os.strerror(error.errno), "check the warehouse's space and permissions"
        lasts = error.errno in _LASTING_NUMBERS
    else:
        reason = _code(error)
        words = reason.replace("_", "").replace(" ", "").upper()
        found = (hint for hint in _HINTS if any(part in words for part in hint.parts.split()))
        _, hint, lasts = next(found, _UNSURE)
    return (StoreRefusedError if lasts else StoreError)(f"{doing} failed ({reason})", hint)


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
