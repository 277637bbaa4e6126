"""What a source becomes: a Meltano extractor with its settings, selection and replication, and how its STATE reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["string", "password", "integer", "boolean", "array", "object", "file", "date_iso8601"]
State = dict[str, Any]
Entries = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Setting:
    """A setting of a plugin as Meltano wants it declared; a `secret` value is never written to the project's files."""

    name: str
    kind: Kind = "string"
    secret: bool = False


@dataclass(frozen=True)
class Cursors:
    """How the tap's STATE and dativo's state.json read each other (facts of the tap's dialect, no I/O).

    `entries` gives state.json's members (`object_<x>` with `cursor` and `last_sync`, `file_<id>` with `last_modified`)
    of a STATE, at a moment given as ISO 8601 text. `shifted` is a copy of a STATE whose cursors stand that many days
    earlier; what is no date stays. `imported` makes a STATE of entries alone, for a state.json another program wrote.
    """

    entries: Callable[[State, str], Entries]
    shifted: Callable[[State, int], State]
    imported: Callable[[Entries], State]


@dataclass(frozen=True)
class Companion:
    """A program that a tap runs and that pip installs apart from it; the tap gets its path by a setting."""

    package: str
    executable: str
    setting: str


@dataclass(frozen=True)
class Extractor:
    """A tap as the orchestrator runs it, by Meltano or directly.

    `package` is what pip installs (None: the command comes with this distribution). `settings` are declared, `config`
    holds their values; all of them reach the tap through its environment. `select` and `metadata` are Meltano's
    (patterns of `stream.column`; replication method and key by stream). `streams` names dativo's object of each stream
    of the tap. A `companion` must be installed, and its path set, before the tap can run.
    """

    name: str
    executable: str
    cursors: Cursors
    package: str | None = None
    settings: tuple[Setting, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    capabilities: tuple[str, ...] = ("catalog", "discover", "state")
    select: tuple[str, ...] = ()
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    streams: Mapping[str, str] = field(default_factory=dict)
    companion: Companion | None = None
