"""Whether the servers that a job names answer: Nessie, the store, a database's port, a catalog of metadata."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from dativo_ingest.metadata_catalogs.connections import address_of
from dativo_ingest.ready import Ready

_SECONDS = 3.0
_PORTS = {"postgres": 5432, "mysql": 3306}
_DATABASES = tuple(_PORTS)


@dataclass(frozen=True, slots=True)
class Probe:
    """One look at a server: `problem` is empty when it answers."""

    kind: str
    address: str
    problem: str = ""


def addresses(ready: Ready) -> Iterator[tuple[str, str]]:
    """Yield kind and address of every server that a job names, as it is configured."""
    for kind, name in (("nessie", "nessie_uri"), ("s3", "s3_endpoint")):
        if value := ready.settings.get(name):
            yield kind, str(value)
    if ready.catalog is not None and (address := address_of(ready.catalog)):
        yield "metadata catalog", address
    connection = ready.source.connection
    if ready.source.type in _DATABASES and connection.get("host"):
        yield "database", f"{connection['host']}:{connection.get('port') or _PORTS[ready.source.type]}"


def probe(kind: str, address: str) -> Probe:
    """Look at one server, for three seconds at most."""
    if kind == "nessie":
        return Probe(kind, address, _nessie(address))
    if kind in ("s3", "metadata catalog"):
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = _port(parts.port, 443 if parts.scheme == "https" else 80)
        return Probe(kind, address, _port_problem(parts.hostname or "", port))
    host, _, number = address.rpartition(":")
    return Probe(kind, address, _port_problem(host, int(number)) if number.isdecimal() else "its port is no number")


def _port(given: int | None, default: int) -> int:
    return given if given is not None else default


def _nessie(uri: str) -> str:
    from target_dativo_iceberg.nessie import NessieRefused, normalise_uri  # noqa: PLC0415 - only for Nessie

    try:
        api, _ = normalise_uri(uri)
    except NessieRefused as error:
        return str(error)
    try:
        answer = requests.get(f"{api}/config", timeout=_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        return f"no answer ({type(error).__name__})"
    # Who is not let in has been answered all the same.
    return (
        "" if answer.status_code in (200, 401, 403) else f"it answers {answer.status_code}: is this Nessie's address?"
    )


def _port_problem(host: str, port: int) -> str:
    try:
        with socket.create_connection((host, port), _SECONDS):
            return ""
    except OSError as error:
        return f"no connection ({error.strerror or type(error).__name__})"
