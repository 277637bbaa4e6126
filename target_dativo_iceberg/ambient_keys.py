"""Keys of the environment go only to a store that the settings name, whatever a catalog answers.

A REST catalog names the S3 endpoint of a table, and its word wins. Keys that the settings or the catalog itself give
are meant for that store. Keys that are simply there (environment, profile, role of the machine) are not: a catalog
that is broken into could have them, with their session token, sent anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from target_dativo_iceberg.errors import SettingsError

_ENDPOINT = "s3.endpoint"
_KEYS = (("s3.access-key-id", "client.access-key-id"), ("s3.secret-access-key", "client.secret-access-key"))
# Amazon's own S3 hosts, and no other host of that domain: some of them anyone can rent.
_AMAZON = re.compile(r"s3(-fips)?(\.dualstack)?(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?:443")
# Code that is imported, and a proxy that sees what is sent: not for a server to choose.
_NEVER_THE_SERVERS = ("s3.retry-strategy-impl", "s3.proxy-uri")


def store_properties(named: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Return the properties of a file system.

    Args:
        named: PyIceberg's properties that the settings make.
        found: those and what the catalog and the table say, which win.

    Raises:
        SettingsError: keys of the environment would go to an endpoint that the settings do not name.

    """
    properties = {k: v for k, v in found.items() if k not in _NEVER_THE_SERVERS or k in named}
    endpoint = properties.get(_ENDPOINT)
    if endpoint and _takes_ambient_keys(properties) and not _is_trusted(endpoint, named.get(_ENDPOINT)):
        raise SettingsError(
            f"the catalog names the S3 endpoint {_host(urlsplit(endpoint))}, which no setting names, "
            "and the keys would be the environment's",
            "if that store is yours, set s3_endpoint to it; or set s3_access_key_id and s3_secret_access_key",
        )
    return properties


def _takes_ambient_keys(properties: Mapping[str, str]) -> bool:
    return not all(any(properties.get(name) for name in names) for names in _KEYS)


def _is_trusted(endpoint: str, named: str | None) -> bool:
    scheme, host = _place(urlsplit(endpoint))
    if scheme == "https" and _AMAZON.fullmatch(host):
        return True
    return named is not None and (scheme, host) == _place(urlsplit(named))


def _place(url: SplitResult) -> tuple[str, str]:
    return url.scheme, _host(url)


def _host(url: SplitResult) -> str:
    """Name host and port, not what else may be in the address."""
    name = url.netloc.rpartition("@")[2].lower()
    return name if re.search(r":\d+$", name) else f"{name}:{443 if url.scheme == 'https' else 80}"
