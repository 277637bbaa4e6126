"""Partition specs and sort orders: what a contract asks for, what a table has, and when the one follows the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.transforms import IdentityTransform, VoidTransform, parse_transform
from pyiceberg.types import DoubleType

from target_dativo_iceberg import log
from target_dativo_iceberg.contract.model import Contract, Partition
from target_dativo_iceberg.errors import EvolutionError
from target_dativo_iceberg.transforms import KNOWN

if TYPE_CHECKING:
    from pyiceberg.table import Table, Transaction
    from pyiceberg.table.metadata import TableMetadata

_SUFFIXES = {"bucket": "bucket_{}", "truncate": "trunc_{}"}
# Id of a column that a table does not have.
_NOWHERE = -1
_YES = (True, "true", "True")


# ---- new tables ----


def spec_of(contract: Contract, schema: Schema) -> PartitionSpec:
    """Return the partition spec of a new table for a contract."""
    ids = {f.name: f.field_id for f in schema.fields}
    return PartitionSpec(*(
        PartitionField(
            ids[found.field],
            PARTITION_FIELD_ID_START + index,
            parse_transform(found.transform),
            _field_name(found, schema),
        )
        for index, found in enumerate(contract.partitions)
    ))  # fmt: skip


def order_of(contract: Contract, schema: Schema) -> SortOrder:
    """Return the sort order of a new table for a contract."""
    ids = {f.name: f.field_id for f in schema.fields}
    found = [_sort_field(ids[key.field], descending=key.descending) for key in contract.sort]
    return SortOrder(*found) if found else SortOrder(order_id=0)


def _sort_field(source: int, *, descending: bool) -> SortField:
    direction = SortDirection.DESC if descending else SortDirection.ASC
    nulls = NullOrder.NULLS_LAST if descending else NullOrder.NULLS_FIRST
    return SortField(source, IdentityTransform(), direction, nulls)


def _field_name(found: Partition, schema: Schema) -> str:
    """Name a partition field as Iceberg's engines do; a name that a column has gets a tail."""
    name, _, width = found.transform.rstrip("]").partition("[")
    if name == "identity":
        return found.field
    made = f"{found.field}_{_SUFFIXES.get(name, name).format(width)}"
    taken = {f.name.lower() for f in schema.fields}
    while made.lower() in taken:
        made += "_part"
    return made


# ---- tables that exist ----


def rearrange(transaction: Transaction, contract: Contract, *, allowed: bool) -> None:
    """Give a table the partitions and the sort order that its contract asks for, or say that it keeps its own.

    A contract that says nothing of them asks for nothing.

    Args:
        transaction: of the table; its columns are those of the contract already.
        contract: whose rows are to be written.
        allowed: whether a table that exists may be changed so.

    Raises:
        EvolutionError: the table's columns cannot be partitioned or sorted so.

    """
    name = ".".join(transaction._table.name())
    allowed = contract.policies.get("allow_partition_evolution", allowed) in _YES
    if contract.partitions and _differs(transaction.table_metadata, contract):
        if allowed:
            with _fitting(name):
                _respec(transaction, contract)
        else:
            _keep(name, "partitioned by", spec_text(transaction.table_metadata), partition_text(contract))
    if contract.sort and _sorted_otherwise(transaction.table_metadata, contract):
        if allowed:
            with _fitting(name):
                _reorder(transaction, contract)
        else:
            _keep(name, "sorted by", order_text(transaction.table_metadata), sort_text(contract))


@contextmanager
def _fitting(name: str) -> Iterator[None]:
    """PyIceberg refuses by ValueError what does not fit the table's columns."""
    try:
        yield
    except ValueError as error:
        raise EvolutionError(f"table {name} cannot be partitioned or sorted as asked: {error}", "") from error


def _keep(name: str, how: str, has: str, asked: str) -> None:
    log.once(
        f"table {name} is {how} {has or 'nothing'}, not by {asked}, and stays so; "
        "allow_partition_evolution changes it for new rows"
    )


def refuse_unfit(table: Table) -> None:
    """Refuse a table with a partition transform that rows cannot be written by.

    Raises:
        EvolutionError: it has one.

    """
    name, metadata = ".".join(table.name()), table.metadata
    for field in metadata.spec().fields:
        how = "unknown" if not isinstance(field.transform, KNOWN) else None
        if isinstance(field.transform, IdentityTransform) and _is_double(metadata, field):
            how = "inexact"  # PyIceberg 0.12 reads a double from a manifest as a float
        if how:
            raise EvolutionError(
                f"table {name} is partitioned by '{field.name}' with the {how} transform '{field.transform}'",
                "load into another table (table_prefix, namespace)",
            )


def _is_double(metadata: TableMetadata, field: PartitionField) -> bool:
    return isinstance(metadata.schema().find_field(field.source_id).field_type, DoubleType)


def _wanted(metadata: TableMetadata, contract: Contract) -> dict[tuple[int, str], Partition]:
    ids = {f.name: f.field_id for f in metadata.schema().fields}
    return {(ids.get(found.field, _NOWHERE), found.transform): found for found in contract.partitions}


def _has(metadata: TableMetadata) -> dict[tuple[int, str], str]:
    fields = metadata.spec().fields
    return {(f.source_id, str(f.transform)): f.name for f in fields if not isinstance(f.transform, VoidTransform)}


def _differs(metadata: TableMetadata, contract: Contract) -> bool:
    return _wanted(metadata, contract).keys() != _has(metadata).keys()


def _respec(transaction: Transaction, contract: Contract) -> None:
    metadata = transaction.table_metadata
    wanted, has = _wanted(metadata, contract), _has(metadata)
    with transaction.update_spec() as update:
        for key, name in has.items():
            if key not in wanted:
                update.remove_field(name)
        for key, found in wanted.items():
            if key not in has:
                update.add_field(found.field, found.transform, _field_name(found, metadata.schema()))


def _keys(metadata: TableMetadata, contract: Contract) -> list[SortField]:
    ids = {f.name: f.field_id for f in metadata.schema().fields}
    return [_sort_field(ids.get(key.field, _NOWHERE), descending=key.descending) for key in contract.sort]


def _sorted_otherwise(metadata: TableMetadata, contract: Contract) -> bool:
    order = metadata.sort_order_by_id(metadata.default_sort_order_id)
    return (list(order.fields) if order else []) != _keys(metadata, contract)


def _reorder(transaction: Transaction, contract: Contract) -> None:
    with transaction.update_sort_order() as update:
        for key in contract.sort:
            if key.descending:
                update.desc(key.field, IdentityTransform(), NullOrder.NULLS_LAST)
            else:
                update.asc(key.field, IdentityTransform(), NullOrder.NULLS_FIRST)


# ---- how files are written ----


def file_order(metadata: TableMetadata) -> SortOrder | None:
    """Return the order in which rows are written; None when there is none, or one by a transform that is not known."""
    order = metadata.sort_order_by_id(metadata.default_sort_order_id)
    if order is None or order.is_unsorted or not all(isinstance(f.transform, KNOWN) for f in order.fields):
        return None
    known = metadata.schema().field_ids
    return order if all(f.source_id in known for f in order.fields) else None


# ---- for people ----


def partition_text(contract: Contract) -> str:
    """Return a contract's partitions as people write them."""
    return ", ".join(_applied(found.transform, found.field) for found in contract.partitions)


def sort_text(contract: Contract) -> str:
    """Return a contract's sort order as people write it."""
    return ", ".join(key.field + (" desc" if key.descending else "") for key in contract.sort)


def spec_text(metadata: TableMetadata) -> str:
    """Return a table's partitions as people write them."""
    names = _names(metadata)
    fields = [f for f in metadata.spec().fields if not isinstance(f.transform, VoidTransform)]
    return ", ".join(_applied(str(f.transform), names.get(f.source_id, f.name)) for f in fields)


def order_text(metadata: TableMetadata) -> str:
    """Return a table's sort order as people write it."""
    names, order = _names(metadata), metadata.sort_order_by_id(metadata.default_sort_order_id)
    return ", ".join(
        _applied(str(f.transform), names.get(f.source_id, "?")) + (" desc" if f.direction is SortDirection.DESC else "")
        for f in (order.fields if order else ())
    )


def _names(metadata: TableMetadata) -> Mapping[int, str]:
    schema = metadata.schema()
    return {i: schema.find_column_name(i) or "?" for i in schema.field_ids}


def _applied(transform: str, column: str) -> str:
    return column if transform == "identity" else f"{transform}({column})"
