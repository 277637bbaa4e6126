"""Contracts over time: what a table remembers of the one it was written by, and whether the new one keeps its word.

The table property `contract.columns` has every column, member and key of the contract; bounds, enumerations and
patterns are not remembered, so loosening one is not noticed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from target_dativo_iceberg.contract.model import Contract, Field, Type
from target_dativo_iceberg.contract.type_changes import describe

COLUMNS = "contract.columns"
REQUIRED = "contract.required."
POLICIES = ("warn", "fail")


@dataclass(frozen=True, slots=True)
class Versions:
    """The version of the contract that a table was written by, and that of the contract at hand.

    Attributes:
        stored: of the table's contract; empty when it has none, or another contract's.
        new: of the contract at hand.

    """

    stored: str
    new: str

    @property
    def older(self) -> bool:
        """Whether the contract at hand is older than the table's."""
        return _is_higher(self.stored, self.new)

    @property
    def newer(self) -> bool:
        """Whether the contract at hand is newer than the table's."""
        return _is_higher(self.new, self.stored)

    @property
    def major(self) -> bool:
        """Whether its first number has risen."""
        before, now = major_of(self.stored), major_of(self.new)
        return before is not None and now is not None and now > before


def versions_of(properties: Mapping[str, str], contract: Contract) -> Versions:
    """Return the versions of a table's contract and of the one at hand."""
    same = properties.get("contract.id", contract.id) == contract.id
    return Versions(properties.get("contract.version", "") if same else "", contract.version)


def major_of(version: str) -> int | None:
    """Return the first number of a version, None when it has none."""
    found = _numbers(version)
    return found[0] if found else None


def _is_higher(version: str, other: str) -> bool:
    """Whether a dotted version is higher than another; false when either is not a version."""
    left, right = _numbers(version), _numbers(other)
    return left is not None and right is not None and left > right


def _numbers(version: str) -> list[int] | None:
    try:
        return [int(part) for part in version.removeprefix("v").split(".")]
    except ValueError:
        return None


def doubts(properties: Mapping[str, str], contract: Contract) -> Iterator[str]:
    """Yield what is doubtful about the contract's version, given what the table remembers."""
    versions = versions_of(properties, contract)
    if not versions.stored or contract.inferred or versions.older:
        return
    before = properties.get("contract.sha256")
    if versions.stored == versions.new and before and contract.sha256 and before != contract.sha256:
        yield f"the contract changed under the same version {versions.stored}"
    broken = [] if versions.major else broken_promises(_read(properties), _read(contract.properties))
    if broken:
        change = f"version {versions.new} of the contract breaks readers of version {versions.stored}"
        yield f"{change}: {'; '.join(broken)}; that needs a higher major version"


# ---- what a contract promises to readers ----


def columns_text(fields: Sequence[Field], primary_key: Sequence[str]) -> str:
    """Return the property `contract.columns`: path → type, `required`, `key`."""
    found = dict(_promises(fields, ""))
    for name in primary_key:
        found[name] += " key"
    return json.dumps(found, ensure_ascii=False)


def _promises(fields: Sequence[Field], prefix: str) -> Iterator[tuple[str, str]]:
    for field in fields:
        yield from _promise(f"{prefix}{field.name}", field.type, required=field.required)


def _promise(path: str, type_: Type, *, required: bool = False) -> Iterator[tuple[str, str]]:
    yield path, describe(type_) + (" required" if required else "")
    yield from _promises(type_.fields, f"{path}.")
    if type_.key is not None:
        yield from _promise(f"{path}.key", type_.key)
    if type_.item is not None:
        name = "element" if type_.key is None else "value"
        yield from _promise(f"{path}.{name}", type_.item.type, required=type_.item.required)


def _read(properties: Mapping[str, str]) -> dict[str, list[str]]:
    try:
        found = json.loads(properties.get(COLUMNS, "{}"))
    except ValueError:
        return {}
    return {str(k): str(v).split(" ") for k, v in found.items()} if isinstance(found, dict) else {}


def broken_promises(before: Mapping[str, list[str]], now: Mapping[str, list[str]]) -> list[str]:
    """Say what readers relied on and the new contract no longer promises; nothing when either is not known."""
    if not before or not now:
        return []
    broken = []
    for path, (type_, *marks) in before.items():
        new = now.get(path)
        if new is None:
            broken.append(f"'{path}' is gone")
        elif new[0] != type_:
            broken.append(f"'{path}' was {type_} and is {new[0]}")
        elif "required" in marks and "required" not in new:
            broken.append(f"'{path}' may be null now")
        elif ("key" in marks) != ("key" in new):
            broken.append(f"'{path}' {'left' if 'key' in marks else 'joined'} the primary key")
    joined = [path for path, found in now.items() if path not in before and "key" in found]
    return broken + [f"'{path}' joined the primary key" for path in joined]
