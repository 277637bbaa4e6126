"""How a table is partitioned and sorted, as people write it: `day(placed_at)`, `bucket[16](id)`, `amount desc`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from target_dativo_iceberg.contract.model import Contract, Field, Kind, Partition, SortKey, Type

INGEST_DATE = "ingest_date"
_NESTED = frozenset({Kind.STRUCT, Kind.LIST, Kind.MAP})
_DAYS = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
_OF_TIME = ("year", "month", "day", "hour")
_FLOATING = frozenset({Kind.FLOAT, Kind.DOUBLE})
# The kinds of columns each transform takes. Iceberg would take floating numbers for identity; PyIceberg 0.12 reads them
# from a manifest with the precision of a float, and writes that when it merges manifests.
TRANSFORMS: dict[str, frozenset[Kind]] = {
    "identity": frozenset(Kind) - _NESTED - _FLOATING,
    "year": _DAYS,
    "month": _DAYS,
    "day": _DAYS,
    "hour": _DAYS - {Kind.DATE},
    "bucket": frozenset(Kind) - _NESTED - _FLOATING - {Kind.BOOLEAN},
    "truncate": frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.STRING, Kind.JSON, Kind.BINARY}),
}
KNOWN = ("identity", "year", "month", "day", "hour", "bucket[16]", "truncate[4]")
_WITH_WIDTH = ("bucket", "truncate")
_LARGEST = (1 << 31) - 1
_TRANSFORM = re.compile(r"([a-z]+)(?: ?[\[(] ?([1-9][0-9]{0,9}) ?[\])])?")
_APPLIED = re.compile(r"([A-Za-z]+(?: ?\[ ?[0-9]+ ?\])?) ?\((.+)\)")
_DIRECTION = re.compile(r"(.*\S)\s+(asc|desc)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How tables are laid out unless their contract says it.

    Attributes:
        partitions: partition fields, in order.
        sort: sort keys, in order.

    """

    partitions: tuple[Partition, ...] = ()
    sort: tuple[SortKey, ...] = ()


def arrangement(partition_by: Sequence[str], sort_by: Sequence[str]) -> Arrangement:
    """Return what the texts of partitions and sort keys say.

    Raises:
        ValueError: a text cannot be read; what is wrong with it, and what to write.

    """
    return Arrangement(tuple(partition(t) for t in partition_by), tuple(sort_key(t) for t in sort_by))


def partition(text: str) -> Partition:
    """Return the partition that a text names: a column, or a transform of one (`day(placed_at)`).

    Raises:
        ValueError: there is no such transform.

    """
    match = _APPLIED.fullmatch(text.strip())
    if match is None:
        return Partition(_column(text))
    return Partition(_column(match[2]), transform(match[1]))


def transform(text: str) -> str:
    """Return a transform in Iceberg's spelling: `Bucket(16)` → `bucket[16]`.

    Raises:
        ValueError: there is no such transform.

    """
    match = _TRANSFORM.fullmatch(text.lower().strip())
    name = match[1] if match else ""
    sized = match is not None and match[2] is not None
    if match is None or name not in TRANSFORMS or sized != (name in _WITH_WIDTH):
        raise ValueError("the partition transform is not known")
    if sized and int(match[2]) > _LARGEST:
        raise ValueError("the partition transform's number is too large")
    return f"{name}[{match[2]}]" if sized else name


def sort_key(text: str) -> SortKey:
    """Return the sort key that a text names: a column, or one with `asc` or `desc` behind it.

    Raises:
        ValueError: it names no column.

    """
    match = _DIRECTION.fullmatch(text.strip())
    if match is None:
        return SortKey(_column(text))
    return SortKey(_column(match[1]), descending=match[2].lower() == "desc")


def _column(text: str) -> str:
    name = text.strip()
    if not name:
        raise ValueError("a partition or sort key names no column")
    return name


# ---- what fits a contract ----


def fault(fields: Collection[Field], partitions: Sequence[Partition], sort: Sequence[SortKey]) -> str | None:
    """Return why columns cannot be partitioned and sorted so, None if they can."""
    kinds = {f.name: f.type.kind for f in fields}
    if INGEST_DATE not in kinds and any(p.field == INGEST_DATE for p in partitions):
        kinds[INGEST_DATE] = Kind.DATE
    return _unfit_partition(kinds, partitions) or _unfit_sort(kinds, sort)


def _unfit_partition(kinds: dict[str, Kind], partitions: Sequence[Partition]) -> str | None:
    seen = set()
    for found in partitions:
        if found.field not in kinds:
            return f"a partition names '{found.field}', which is no column"
        name = found.transform.partition("[")[0]
        kind = kinds[found.field]
        if kind not in TRANSFORMS[name]:
            return f"partition transform {name} does not fit column '{found.field}' of type {kind.value}"
        # Iceberg takes one transform of a sort for each column; two of time would only repeat each other.
        if (found.field, same := "time" if name in _OF_TIME else name) in seen:
            return f"column '{found.field}' is in two partition fields of the same sort"
        seen.add((found.field, same))
    return None


def _unfit_sort(kinds: dict[str, Kind], sort: Sequence[SortKey]) -> str | None:
    seen = set()
    for key in sort:
        if key.field not in kinds:
            return f"a sort key names '{key.field}', which is no column"
        if kinds[key.field] in _NESTED:
            return f"column '{key.field}' of type {kinds[key.field].value} cannot be a sort key"
        if key.field in seen:
            return f"column '{key.field}' is twice in the sort order"
        seen.add(key.field)
    return None


# ---- the column that the target fills ----


def dated(contract: Contract, *, always: bool = False) -> Contract:
    """Return a contract with the column `ingest_date` if a partition asks for it and the contract has none.

    Args:
        contract: as its document has it.
        always: the table has such a column from an earlier run, whatever the contract asks for now.

    """
    asked = always or any(p.field == INGEST_DATE for p in contract.partitions)
    if not asked or any(f.name.lower() == INGEST_DATE for f in contract.fields):
        return contract
    description = "UTC date of the run that wrote the row."
    return replace(
        contract, fields=(*contract.fields, Field(INGEST_DATE, Type(Kind.DATE), description=description, filled=True))
    )


def is_dated(contract: Contract) -> bool:
    """Whether the target fills `ingest_date`."""
    return any(f.filled for f in contract.fields)
