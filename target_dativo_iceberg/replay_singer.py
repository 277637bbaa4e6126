"""`dativo replay --singer`: the waiting records as Singer messages, for any target. Nothing is marked."""

from __future__ import annotations

import json
import sys
from typing import Any

from target_dativo_iceberg import log, names
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type
from target_dativo_iceberg.errors import SettingsError
from target_dativo_iceberg.quarantined import Selection, batches, waiting_files
from target_dativo_iceberg.replay_attempt import opened
from target_dativo_iceberg.replay_contracts import Contractor
from target_dativo_iceberg.replay_lane import is_record
from target_dativo_iceberg.settings import Settings
from target_dativo_iceberg.table_state import state_of

_PLAIN: dict[Kind, dict[str, Any]] = {
    Kind.INTEGER: {"type": "integer"},
    Kind.FLOAT: {"type": "number"},
    Kind.DOUBLE: {"type": "number"},
    Kind.DECIMAL: {"type": "number"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.DATE: {"type": "string", "format": "date"},
    Kind.TIME: {"type": "string", "format": "time"},
    Kind.TIMESTAMP: {"type": "string", "format": "date-time"},
    Kind.TIMESTAMPTZ: {"type": "string", "format": "date-time"},
    Kind.MAP: {"type": "object"},
}


def print_messages(settings: Settings, identifier: tuple[str, ...], selection: Selection) -> int:
    """Print SCHEMA and RECORD of each waiting record, its text as it came; return the exit code."""
    store = opened(settings, identifier)
    table = store.load((*identifier[:-1], identifier[-1] + names.QUARANTINE))
    good = store.load(identifier)
    contracts = Contractor(settings, state_of(good.metadata) if good else None)
    known: set[str] = set()
    printed = skipped = 0
    for file in waiting_files(table) if table else ():
        assert table is not None
        for batch in batches(table, file):
            rows = batch.take(selection.take(batch))
            for stream, text in zip(
                rows.column("_stream").to_pylist(), rows.column("_record").to_pylist(), strict=True
            ):
                if not is_record(text.encode()):
                    skipped += 1
                    continue
                if stream not in known:
                    known.add(stream)
                    _print(schema_message(stream, _contract(stream, contracts)))
                # The text itself, not what a decoder makes of it: numbers keep all their digits.
                _print(f'{{"type":"RECORD","stream":{json.dumps(stream)},"record":{text}}}')
                printed += 1
    sys.stdout.flush()
    log.say(f"{printed} records printed" + (f", {skipped} are not JSON objects and were left out" if skipped else ""))
    return 0


def _contract(stream: str, contracts: Contractor) -> Contract:
    """Return a stream's contract, if what is kept of its records is what the source sent."""
    privacy = contracts.privacy(stream)
    if not privacy.replayable:
        raise SettingsError(
            f"stream '{stream}': its kept records hold protected values, which another load would protect again",
            "replay them without --singer",
        )
    return privacy.contract


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")


def schema_message(stream: str, contract: Contract) -> str:
    """Return the SCHEMA of a contract's columns: types only, all but keys nullable; rules are the contract's."""
    keys = contract.primary_key
    properties = {f.name: _node(f, null=f.name not in keys) for f in contract.fields}
    schema = {"type": "object", "properties": properties}
    message = {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": list(keys)}
    return json.dumps(message, ensure_ascii=False)


def _node(field: Field, *, null: bool = True) -> dict[str, Any]:
    node = _type(field.type)
    return {**node, "type": ["null", node["type"]]} if null and "type" in node else node


def _type(type_: Type) -> dict[str, Any]:
    match type_.kind:
        case Kind.JSON:
            return {}
        case Kind.STRUCT:
            return {"type": "object", "properties": {f.name: _node(f) for f in type_.fields}}
        case Kind.LIST:
            assert type_.item is not None
            return {"type": "array", "items": _node(type_.item)}
    return _PLAIN.get(type_.kind, {"type": "string"})
