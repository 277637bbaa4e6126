"""Addresses, names and filters as Nessie wants them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, unquote, urlsplit

import msgspec

from target_dativo_iceberg.nessie.errors import NessieRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

_REFERENCE_NAME = re.compile(r"[A-Za-z](?:(?:(?!\.\.)[A-Za-z0-9./_-])*[A-Za-z0-9_-])?")
_LOOKS_LIKE_HASH = re.compile(r"[0-9a-fA-F]{8,64}")
_KNOWN_PATH = re.compile(r"(?P<prefix>.*?)(?:/api/v[12]|/iceberg(?:/(?P<branch>[^/]+))?)?/*")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def normalise_uri(uri: str) -> tuple[str, str]:
    """Return the bases of API v2 and of the Iceberg catalog for a host, or either base, with or without a branch.

    An address without scheme gets https, on this machine http. NessieRefused for anything else.
    """
    parts = _split(uri)
    if parts is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise NessieRefused("The Nessie address is not of the form https://host[:port][/api/v2]")
    if "@" in parts.netloc:
        raise NessieRefused("The Nessie address holds a user or password, which belong into the token settings")
    prefix = _path_parts(parts.path)["prefix"]
    base = f"{parts.scheme}://{parts.netloc}{prefix}"
    return f"{base}/api/v2", f"{base}/iceberg"


def branch_in_uri(uri: str) -> str | None:
    """Return the branch of an address such as `https://host/iceberg/dev`; None when it names none."""
    parts = _split(uri)
    branch = _path_parts(parts.path)["branch"] if parts else None
    return unquote(branch).partition("|")[0] if branch else None


def _split(uri: str) -> SplitResult | None:
    text = uri.strip()
    try:
        if "://" not in text:
            local = urlsplit(f"//{text}").hostname in _LOOPBACK
            text = f"{'http' if local else 'https'}://{text}"
        parts = urlsplit(text)
        # only a look at the port checks it
        usable = parts.hostname is not None and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def _path_parts(path: str) -> dict[str, str | None]:
    match = _KNOWN_PATH.fullmatch(path)
    return match.groupdict() if match else {"prefix": "", "branch": None}


def branch_name_fault(name: str) -> str | None:
    """Return what is wrong with a branch or tag name by Nessie's rules, None if nothing."""
    if name.upper() in ("HEAD", "DETACHED") or _LOOKS_LIKE_HASH.fullmatch(name):
        return "HEAD, DETACHED and names that could be a commit hash are reserved"
    if not _REFERENCE_NAME.fullmatch(name):
        return (
            "it must start with a letter, hold only letters, digits and . / _ -, no two dots in a row, "
            "and not end with a dot or slash"
        )
    return None


def commits_with_property(name: str, value: str) -> str:
    """Return the log filter for commits whose property `name` is `value`; names from HTTP headers are lower case."""
    # without the first half one commit that lacks the property makes the server answer 500
    return f"{_cel(name)} in commit.properties && commit.properties[{_cel(name)}] == {_cel(value)}"


def names_with_prefix(prefix: str) -> str:
    """Return the filter for references whose name starts with `prefix`."""
    return f"ref.name.startsWith({_cel(prefix)})"


def reference_path(name: str, commit_hash: str | None = None) -> str:
    """Return the URL path part of a reference, at its head or at one of its commits."""
    return quote(name, safe="") + (f"@{commit_hash}" if commit_hash else "")


def key_path(path: Sequence[str]) -> str:
    """Return the URL path part of a table; dots inside of a name travel as the separator U+001D."""
    return quote(".".join(element.replace(".", "\x1d") for element in path), safe="")


def _cel(text: str) -> str:
    return msgspec.json.encode(text).decode()
