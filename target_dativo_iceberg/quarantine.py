"""Rejected rows with their reasons, as rows of a table beside the good one, published in the same commit."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa

from target_dativo_iceberg.contract.findings import Violation, column_of
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Partition, Type
from target_dativo_iceberg.contract.policy import Action
from target_dativo_iceberg.contract.values.arrow import arrow_schema


def _text(name: str, description: str, *, required: bool = False) -> Field:
    return Field(name, Type(Kind.STRING), required=required, description=description)


_ERROR = Type(
    Kind.STRUCT,
    fields=(
        _text("field", "Column, or empty for the record as a whole."),
        _text("path", "JSON path inside the record."),
        _text("class", "malformed, missing_required, type, constraint, duplicate_key, unknown_field."),
        _text("rule", "Id of the contract's rule."),
        _text("severity", "error or warning."),
        _text("action", "What was done with the record."),
        _text("message", "What was expected; never the value."),
    ),
)
FIELDS = (
    _text("_run_id", "Run that rejected the record.", required=True),
    _text("_stream", "Singer stream.", required=True),
    Field(
        "_seq",
        Type(Kind.INTEGER),
        required=True,
        description="Line of the record in the run's input, or row in its BATCH file, from 1.",
    ),
    Field("_received_at", Type(Kind.TIMESTAMPTZ), required=True, description="When the record was rejected."),
    _text("_contract_id", "Contract that rejected it; empty when the Singer SCHEMA was the contract."),
    _text("_contract_version", "Version of the contract."),
    _text("_contract_sha256", "SHA-256 of the contract document."),
    Field("_errors", Type(Kind.LIST, item=Field("element", _ERROR)), description="Every reason, in order."),
    _text("_record", "The record as JSON."),
    _text("_record_sha256", "SHA-256 of the record's JSON text."),
    _text("_keys", "Key properties of the record as a JSON object."),
    Field("_replayed_at", Type(Kind.TIMESTAMPTZ), description="When the record was replayed, if it was."),
    _text("_file", "BATCH file that the record is of; null when it came on the input."),
)


def contract_of(name: str) -> Contract:
    """Return the contract of a quarantine table."""
    return Contract(
        name=name,
        fields=FIELDS,
        description="Records that broke their contract, with the reasons.",
        partitions=(Partition("_received_at", "day"),),
        inferred=True,
    )


_SCHEMA = arrow_schema(contract_of("quarantine"))


@dataclass(frozen=True, slots=True)
class Rejected:
    """One record that the contract rejected.

    Attributes:
        line_number: its line in the input, or its line or row in its BATCH file, from 1.
        record: JSON text of the record.
        reasons: why, in order, each with what the policy says of it.
        place: where it stands, for people.
        file: name of its BATCH file, or empty.

    """

    line_number: int
    record: bytes
    reasons: Sequence[tuple[Violation, Action]]
    place: str = ""
    file: str = ""


def rows(run_id: str, stream: str, contract: Contract, rejected: Sequence[Rejected]) -> pa.RecordBatch:
    """Return rejected records as rows of the quarantine table."""
    same: dict[str, Any] = {
        "_run_id": run_id,
        "_stream": stream,
        "_received_at": datetime.now(UTC),
        "_contract_id": contract.id,
        "_contract_version": contract.version,
        "_contract_sha256": contract.sha256,
        "_replayed_at": None,
    }
    own = {
        "_seq": [r.line_number for r in rejected],
        "_errors": _errors([r.reasons for r in rejected]),
        "_record": [r.record.decode("utf-8", "replace") for r in rejected],
        "_record_sha256": [hashlib.sha256(r.record).hexdigest() for r in rejected],
        "_keys": [_keys(r.record, contract.primary_key) for r in rejected],
        "_file": [r.file or None for r in rejected],
    }
    columns = own | {
        name: pa.repeat(pa.scalar(value, _SCHEMA.field(name).type), len(rejected)) for name, value in same.items()
    }
    return pa.RecordBatch.from_pydict(columns, _SCHEMA)


def _errors(reasons: Sequence[Sequence[tuple[Violation, Action]]]) -> pa.ListArray:
    """Return the reasons of each record."""
    flat = [reason for found in reasons for reason in found]
    columns = {
        "field": [column_of(violation.path) for violation, _ in flat],
        "path": [violation.path for violation, _ in flat],
        "class": [violation.klass for violation, _ in flat],
        "rule": [violation.rule for violation, _ in flat],
        "severity": ["error"] * len(flat),
        "action": [action.value for _, action in flat],
        "message": [violation.message for violation, _ in flat],
    }
    of_list = _SCHEMA.field("_errors").type
    members = list(of_list.value_type)
    errors = pa.StructArray.from_arrays([pa.array(columns[m.name], m.type) for m in members], fields=members)
    ends = itertools.accumulate(map(len, reasons), initial=0)
    return pa.ListArray.from_arrays(pa.array(list(ends), pa.int32()), errors, of_list)


def _keys(record: bytes, keys: Sequence[str]) -> str:
    try:
        found = msgspec.json.decode(record, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "{}"
    return msgspec.json.encode({k: found[k] for k in keys if k in found}).decode("utf-8", "replace")
