"""What sources that are web APIs have in common: objects that are streams of fixed names, keys and cursors."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from tap_adapters.errors import SourceError
from tap_adapters.names import check_known, nearest
from tap_adapters.recipes.plugin import OPTIONS
from tap_adapters.source import Source

API_OPTIONS = ("start_date", "start_date_default", "streams_default")


def read_objects(source: Source, known: Collection[str]) -> tuple[str, ...]:
    """Return the objects to read: the job's, else the recipe's `streams_default`.

    Raises:
        SourceError: none is named, or one that the source has not.

    """
    place, objects = "source.objects", source.objects
    if not objects:
        place, objects = f"{OPTIONS}.streams_default", tuple(source.options.get("streams_default") or ())
    if not objects:
        raise SourceError(f"a {source.type} source needs objects", "source.objects", nearest("", known))
    check_known(objects, known, place, f"object of {source.type}")
    return tuple(dict.fromkeys(objects))


def read_credential(source: Source, names: Iterable[str]) -> str:
    """Return the credential under the first of the names that has a value.

    Raises:
        SourceError: there is none.

    """
    wanted = list(names)
    for name in wanted:
        if source.credentials.get(name):
            return str(source.credentials[name])
    raise SourceError(f"'{wanted[0]}' is missing", "source.credentials", f"known as {', '.join(wanted)}")


def start_date(source: Source, default: str | None) -> str | None:
    """Return the day from which a first load reads, as the tap wants it."""
    found: Any = source.options.get("start_date") or source.options.get("start_date_default")
    return str(found) if found else default
