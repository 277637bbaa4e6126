"""Where people look at what a run published: the warehouse; on Nessie the branch, and its hash after the last epoch."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

from target_dativo_iceberg.settings import Settings


def whereabouts(settings: Settings) -> dict[str, str | None]:
    """Return where the tables are. A server that does not answer leaves the hash out; nothing is shown of a sign-in."""
    if settings.nessie_uri is None:
        return {"warehouse": _plain(settings.warehouse)}
    from target_dativo_iceberg.branches import client  # noqa: PLC0415 - only for Nessie
    from target_dativo_iceberg.nessie import NessieError  # noqa: PLC0415 - as above

    found: dict[str, str | None] = {"nessie": _plain(settings.nessie_uri), "branch": settings.nessie_branch}
    with suppress(NessieError), client(settings) as nessie:
        found["hash"] = nessie.reference(settings.nessie_branch).hash
    return found


def _plain(uri: str) -> str:
    """Return an address without user, password and query."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
