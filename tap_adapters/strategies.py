"""The registry's incremental strategies as Singer replication: which method, and by which key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tap_adapters.errors import SourceError
from tap_adapters.names import nearest
from tap_adapters.source import Incremental

Method = Literal["FULL_TABLE", "INCREMENTAL", "LOG_BASED"]

BY_CURSOR = frozenset({"created", "updated_at", "updated_after"})
BY_FILE = frozenset({"file_modified_time"})
BY_SPREADSHEET = frozenset({"spreadsheet_modified_time"})
BY_LOG = frozenset({"cdc"})
_ALIASES = frozenset({"full_refresh", "incremental"})
STRATEGIES = BY_CURSOR | BY_FILE | BY_SPREADSHEET | BY_LOG | _ALIASES
PLACE = "source.incremental"


@dataclass(frozen=True)
class Replication:
    """How a stream is read. `key` is the column of the cursor; None where the tap itself knows what has changed."""

    method: Method
    key: str | None = None

    @property
    def metadata(self) -> dict[str, str]:
        """What Meltano writes into the catalog for it."""
        found = {"replication-method": str(self.method)}
        return found | {"replication-key": self.key} if self.key else found


def method_of(incremental: Incremental | None, offered: Iterable[str]) -> Method:
    """Return the replication method for a strategy among those that the tap offers; without one all is read.

    `incremental` stands for any strategy by cursor or file, `full_refresh` is always offered.

    Raises:
        SourceError: the strategy is unknown, or the tap cannot do it.

    """
    if incremental is None or incremental.strategy == "full_refresh":
        return "FULL_TABLE"
    strategy, can = incremental.strategy, set(offered)
    place = f"{PLACE}.strategy"
    if strategy not in STRATEGIES:
        raise SourceError(f"strategy '{strategy}' is not known", place, nearest(strategy, STRATEGIES))
    if strategy == "incremental":
        return "INCREMENTAL"
    if strategy not in can:
        raise SourceError(
            f"this source cannot be read by strategy '{strategy}'",
            place,
            f"use one of {', '.join(sorted(can | _ALIASES))}",
        )
    return "LOG_BASED" if strategy in BY_LOG else "INCREMENTAL"


def by_column(incremental: Incremental | None, column: str | None, place: str, *, log: bool = False) -> Replication:
    """Return how a table is read: by the column given for it, else the job's or recipe's `cursor_field`.

    Raises:
        SourceError: the strategy needs a cursor and none is named.

    """
    method = method_of(incremental, BY_CURSOR | BY_LOG if log else BY_CURSOR)
    if incremental is None or method != "INCREMENTAL":
        return Replication(method)
    key = column or incremental.cursor_field
    if not key:
        raise SourceError(
            f"strategy '{incremental.strategy}' needs a cursor",
            place,
            "name its column as cursor_field, of the table or of incremental",
        )
    return Replication(method, key)


def by_own_key(incremental: Incremental | None, key: str, names: Iterable[str]) -> Replication:
    """Return how a stream is read whose key the tap has fixed; `names` are what users may call that key.

    Raises:
        SourceError: the job names another column as cursor.

    """
    method = method_of(incremental, BY_CURSOR)
    if incremental is None or method == "FULL_TABLE":
        return Replication("FULL_TABLE")
    accepted = {key, *names}
    if incremental.cursor_field and incremental.cursor_field not in accepted:
        raise SourceError(
            f"cursor '{incremental.cursor_field}' is none of this source's",
            f"{PLACE}.cursor_field",
            f"the tap reads by {key}: name that, or leave it out",
        )
    return Replication(method, key)
