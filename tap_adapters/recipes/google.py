"""What both Google taps of this distribution share: a service account, and where Google is."""

from __future__ import annotations

import json
from typing import Any

from tap_adapters.errors import SourceError
from tap_adapters.extractor import Setting
from tap_adapters.recipes.plugin import settings
from tap_adapters.source import Source

GOOGLE_SETTINGS: tuple[Setting, ...] = settings(
    "credentials_path",
    "subject",
    "drive_url",
    "token_url",
    secret=("credentials_json",),
    integer=("request_timeout_seconds", "max_retries", "retry_initial_ms", "retry_max_ms"),
)
_ASIDE = frozenset({"credentials_json", "credentials_path", "subject"})


def google_credentials(source: Source) -> dict[str, Any]:
    """Return the settings of the service account: its fields as JSON, its JSON text, or the path of its file.

    Raises:
        SourceError: there is none.

    """
    given = dict(source.credentials)
    subject = {"subject": given["subject"]} if given.get("subject") else {}
    if given.get("credentials_json"):
        return {"credentials_json": str(given["credentials_json"])} | subject
    fields = {name: value for name, value in given.items() if name not in _ASIDE}
    if fields.get("private_key"):
        return {"credentials_json": json.dumps(fields)} | subject
    if given.get("credentials_path"):
        return {"credentials_path": str(source.folder / str(given["credentials_path"]))} | subject
    raise SourceError(
        "a service account is missing", "source.credentials", "give its JSON as a secret, or credentials_path"
    )
