"""Names that a user wrote against the names there are: one message for all that is misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from tap_adapters.errors import SourceError


def check_known(given: Iterable[str], known: Iterable[str], place: str, what: str) -> None:
    """Refuse a name that is not among the known ones; `what` says what it would be, for instance "setting".

    Raises:
        SourceError: the first unknown name, with the nearest known one.

    """
    names = sorted(known)
    for name in given:
        if name not in names:
            raise SourceError(f"{what} '{name}' is not known", place, nearest(str(name), names))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the hint for a name that is not known: the nearest one, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known are {', '.join(names) or 'none'}"
