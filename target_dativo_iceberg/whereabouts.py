"""Where people look at what a run published: the warehouse; on Nessie the branch, and its hash after the last epoch."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

from target_dativo_iceberg.settings import Settings


def whereabouts(settings: Settings, *, asks: bool) -> dict[str, str | None]:
    """Return where the tables are; nothing is shown of a sign-in.

    Args:
        settings: of the run.
        asks: Nessie is asked for the branch's hash; a server that does not answer leaves it out.

    """
    if settings.nessie_uri is None:
        return {"warehouse": plain(settings.warehouse)}
    found: dict[str, str | None] = {"nessie": plain(settings.nessie_uri), "branch": settings.nessie_branch}
    if not asks:
        return found
    from target_dativo_iceberg.branches import client  # noqa: PLC0415 - only for Nessie
    from target_dativo_iceberg.nessie import NessieError  # noqa: PLC0415 - as above

    with suppress(NessieError), client(settings) as nessie:
        found["hash"] = nessie.reference(settings.nessie_branch).hash
    return found


def plain(uri: str) -> str:
    """Return an address without user, password and query."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
