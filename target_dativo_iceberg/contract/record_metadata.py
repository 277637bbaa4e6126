"""The columns that the Singer SDK calls record metadata: `_sdc_extracted_at` and its six companions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type

EXTRACTED_AT = "_sdc_extracted_at"
RECEIVED_AT = "_sdc_received_at"
BATCHED_AT = "_sdc_batched_at"
DELETED_AT = "_sdc_deleted_at"
SEQUENCE = "_sdc_sequence"
TABLE_VERSION = "_sdc_table_version"
SYNC_STARTED_AT = "_sdc_sync_started_at"

_MOMENT, _NUMBER = Type(Kind.TIMESTAMPTZ), Type(Kind.INTEGER)
FIELDS = (
    Field(EXTRACTED_AT, _MOMENT, description="When the tap read the record, by its word (`time_extracted`)."),
    Field(RECEIVED_AT, _MOMENT, description="When the target read the record."),
    Field(BATCHED_AT, _MOMENT, description="When the epoch began in which the row was published."),
    Field(DELETED_AT, _MOMENT, description="When the row was deleted at the source, or was found to be gone there."),
    Field(SEQUENCE, _NUMBER, description="When the target read the record, in milliseconds since 1970."),
    Field(TABLE_VERSION, _NUMBER, description="Version of the stream that the record belongs to, by the tap's word."),
    Field(SYNC_STARTED_AT, _NUMBER, description="When the run began that wrote the row, in milliseconds since 1970."),
)
NAMES = frozenset(f.name for f in FIELDS)
# Members of a RECORD message beside its record, and the columns they go to.
OF_MESSAGE = {"time_extracted": EXTRACTED_AT, "version": TABLE_VERSION}
# By these a row is not another than before: they tell of the load.
OF_THE_LOAD = frozenset({EXTRACTED_AT, RECEIVED_AT, BATCHED_AT, SEQUENCE, SYNC_STARTED_AT})


def with_metadata(contract: Contract) -> Contract:
    """Return a contract with all columns of record metadata.

    Raises:
        ValueError: it has one of them as another type; what is wrong, as the end of a sentence.

    """
    return _with(contract, FIELDS)


def with_deletes(contract: Contract) -> Contract:
    """Return a contract with the column in which a tap says that a row is deleted.

    Raises:
        ValueError: it has that column as another type than a timestamp.

    """
    return _with(contract, [f for f in FIELDS if f.name == DELETED_AT])


def _with(contract: Contract, fields: Sequence[Field]) -> Contract:
    """Add columns; a SCHEMA's own are made what they must be, a document's must be so already."""
    wanted = {f.name: f for f in fields}
    own = []
    for f in contract.fields:
        meant = wanted.pop(f.name, None)
        if meant is not None and meant.type.kind is not f.type.kind:
            if not contract.inferred:
                raise ValueError(f"column '{f.name}' is {f.type.kind.value} and must be {meant.type.kind.value}")
            f = meant  # noqa: PLW2901 - a SCHEMA often calls a timestamp just a string
        own.append(replace(f, required=False) if meant is not None else f)
    return replace(contract, fields=(*own, *wanted.values()))
