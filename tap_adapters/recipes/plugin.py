"""A tap as a recipe's table names it, and the engine options that users may set for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tap_adapters.errors import SourceError
from tap_adapters.extractor import Companion, Cursors, Extractor, Setting
from tap_adapters.names import check_known
from tap_adapters.source import Source
from tap_adapters.strategies import Replication

OPTIONS = "source.engine.options"
_OWN = frozenset({"executable", "settings", "tap_config"})
_NAMES_OF_OTHERS = frozenset({"tap", "tap_name", "tap_package", "tap_version", "docker_image", "library"})
"""Read and left alone: how older recipes name a tap or image that is not the one that runs here."""


@dataclass(frozen=True)
class Plugin:
    """Facts of a tap: the name of its Meltano plugin, its command, the package that brings it, its settings.

    `renamed` gives the names that older recipes use for its settings, None for one that says nothing to this tap.
    """

    name: str
    settings: tuple[Setting, ...]
    package: str | None = None
    executable: str | None = None
    capabilities: tuple[str, ...] = ("catalog", "discover", "state")
    renamed: Mapping[str, str | None] = field(default_factory=dict)

    def given(self, source: Source, known: Iterable[str] = ()) -> dict[str, Any]:
        """Return the tap's own settings of the options (`settings`, in older recipes `tap_config`), checked by name.

        `known` are the options beside them that the recipe itself reads.

        Raises:
            SourceError: an option or a setting that is not known.

        """
        own = _OWN | {"package"} if self.package else _OWN
        check_known(source.options, {*own, *_NAMES_OF_OTHERS, *known}, OPTIONS, "option")
        key = "settings" if "settings" in source.options else "tap_config"
        values = source.options.get(key) or {}
        if not isinstance(values, Mapping):
            raise SourceError("must be an object of the tap's settings", f"{OPTIONS}.{key}")
        names = {name: self.renamed.get(name, name) for name in values}
        kept = {new: values[old] for old, new in names.items() if new is not None}
        check_known(kept, (setting.name for setting in self.settings), f"{OPTIONS}.{key}", f"setting of {self.name}")
        return kept

    def extractor(
        self,
        source: Source,
        cursors: Cursors,
        *,
        config: Mapping[str, Any],
        select: Iterable[str],
        replication: Mapping[str, Replication],
        streams: Mapping[str, str],
        companion: Companion | None = None,
    ) -> Extractor:
        """Return the extractor; what is read as a whole is given no STATE, which some taps would obey all the same."""
        resumes = any(one.method != "FULL_TABLE" for one in replication.values())
        return Extractor(
            name=self.name,
            executable=str(source.options.get("executable") or self.executable or self.name),
            package=_package(source, self.package),
            cursors=cursors,
            settings=self.settings,
            config={name: value for name, value in config.items() if value is not None},
            capabilities=tuple(one for one in self.capabilities if resumes or one != "state"),
            select=tuple(select),
            metadata={stream: one.metadata for stream, one in replication.items()},
            streams=streams,
            companion=companion,
        )


def settings(*names: str, secret: Iterable[str] = (), **kinds: Iterable[str]) -> tuple[Setting, ...]:
    """Return settings by name: texts, passwords (`secret`), and those of other kinds by the name of the kind."""
    found = [Setting(name) for name in names] + [Setting(name, "password", secret=True) for name in secret]
    for kind, members in kinds.items():
        found += [Setting(name, kind) for name in members]  # type: ignore[arg-type] # the callers' keywords are kinds
    return tuple(found)


def _package(source: Source, default: str | None) -> str | None:
    if default is None or source.options.get("executable"):
        return None
    return str(source.options.get("package") or default)
