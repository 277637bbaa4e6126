"""What an epoch changes in the columns of a table, in sentences for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyiceberg.schema import Schema

    from target_dativo_iceberg.tables import Destination

_MOST = 50


def schema_changes(destination: Destination) -> list[str]:
    """Return what the publish of an epoch changes in the columns of its table, at most 50 sentences."""
    if destination.creates:
        return ["the table is made"]
    if not destination.evolves:
        return []
    before, after = destination.table.metadata.schema(), destination.schema
    found = list(_columns(before, after)) or ["partitions or sort order are new"]
    return found[:_MOST]


def _columns(before: Schema, after: Schema) -> Iterator[str]:
    """Compare by field id, which a column keeps under another name."""
    old = {field_id: name for field_id in before.field_ids if (name := before.find_column_name(field_id))}
    for field_id in sorted(after.field_ids):
        name, new = after.find_column_name(field_id), after.find_field(field_id)
        if field_id not in old:
            yield f"column '{name}' is added ({_kind(str(new.field_type))})"
            continue
        was = before.find_field(field_id)
        if name != old[field_id]:
            yield f"column '{old[field_id]}' is '{name}' now"
        if new.field_type.is_primitive and new.field_type != was.field_type:
            yield f"column '{name}' is {new.field_type}, was {was.field_type}"
        if was.required and not new.required:
            yield f"column '{name}' may be null"


def _kind(text: str) -> str:
    return text.partition("<")[0]
