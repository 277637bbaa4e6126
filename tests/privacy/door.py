"""Contracts, rules and records for the tests of privacy, and the keyed functions written down a second time."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from target_dativo_iceberg.batch import Plan, read
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type
from target_dativo_iceberg.contract.privacy.protection import Key, Privacy, compile_privacy, read_rules
from target_dativo_iceberg.contract.rules.verdict import Judge

KEY = Key(bytes(range(32)))
OTHER_KEY = Key(bytes(range(100, 132)))
STRING = Type(Kind.STRING)


@dataclass(frozen=True)
class Value:
    """A value of a contract type: as JSON, and the text that hashes and ciphertexts are made of."""

    type: Type
    json: str
    text: str


VALUES = {
    "string": Value(STRING, '"Åsa O\'Hara-77"', "Åsa O'Hara-77"),
    "empty string": Value(STRING, '""', ""),
    "integer": Value(Type(Kind.INTEGER), "9021037755", "9021037755"),
    "integer of 32 bits": Value(Type(Kind.INTEGER, bits=32), "-90210377", "-90210377"),
    "float": Value(Type(Kind.FLOAT), "0.1", "0.10000000149011612"),
    "double": Value(Type(Kind.DOUBLE), "9021.50", "9021.5"),
    "large double": Value(Type(Kind.DOUBLE), "1e22", "10000000000000000000000"),
    "small double": Value(Type(Kind.DOUBLE), "2.5e-7", "0.00000025"),
    "negative zero": Value(Type(Kind.DOUBLE), "-0.0", "0"),
    "decimal": Value(Type(Kind.DECIMAL, precision=12, scale=2), "90210.50", "90210.5"),
    "small decimal": Value(Type(Kind.DECIMAL, precision=20, scale=10), "0.0000000700", "0.00000007"),
    "boolean": Value(Type(Kind.BOOLEAN), "true", "true"),
    "date": Value(Type(Kind.DATE), '"1987-06-05"', "1987-06-05"),
    "early date": Value(Type(Kind.DATE), '"0007-06-05"', "0007-06-05"),
    "time": Value(Type(Kind.TIME), '"01:02:03.4"', "01:02:03.400000"),
    "timestamp": Value(Type(Kind.TIMESTAMP), '"1987-06-05T04:03:02"', "1987-06-05T04:03:02.000000"),
    "timestamptz": Value(Type(Kind.TIMESTAMPTZ), '"1987-06-05T04:03:02.5+02:00"', "1987-06-05T02:03:02.500000Z"),
    "uuid": Value(Type(Kind.UUID), '"0F8FAD5B-D9CB-469F-A165-70867728950E"', "0f8fad5b-d9cb-469f-a165-70867728950e"),
    "binary": Value(Type(Kind.BINARY), '"c2VjcmV0"', "736563726574"),
    "fixed": Value(Type(Kind.FIXED, length=3, encoding="hex"), '"0aff10"', "0aff10"),
    "json": Value(Type(Kind.JSON), '{"b": [1.50, null], "a": "ü"}', '{"a":"ü","b":[1.50,null]}'),
}


def people(*fields: Field, **parts: Any) -> Contract:
    return Contract("people", fields, **parts)


def rule(action: str, **rest: Any) -> dict[str, Any]:
    """A rule about the paths (or whatever else) in the keywords; about column `c` when there are none."""
    extras = {k: rest.pop(k) for k in ("joinable", "clear", "prefix", "default") if k in rest}
    return {"match": rest or {"path": "c"}, "action": action} | extras


def protect(contract: Contract, *rules: dict[str, Any], key: Key | None = KEY, **settings: Any) -> Privacy:
    return compile_privacy(contract, read_rules({"rules": list(rules)} | settings), key)


def accepted(privacy: Privacy, records: Sequence[str]) -> pa.RecordBatch:
    """Records that the clear contract accepts, as the loader reads them; all must be accepted."""
    plan = Plan(privacy.clear, {}, bare=True)
    typed = read(plan, pa.array([r.encode() + b"\n" for r in records], pa.binary()))
    verdict = Judge(privacy.clear).judge(typed.batch, typed.findings)
    assert not verdict.turned_away
    return verdict.accepted


def stored(privacy: Privacy, *records: str) -> list[dict[str, Any]]:
    """What the table holds of accepted records."""
    return privacy.apply(accepted(privacy, records)).to_pylist()


def masked(privacy: Privacy, record: str) -> Any:
    """What quarantine holds of a rejected record."""
    return json.loads(privacy.apply_record(record.encode()))


# ---- the keyed functions again, from their definitions in docs/privacy.md ----


def derived(purpose: bytes, key: bytes = bytes(range(32))) -> bytes:
    extracted = hmac.new(b"target-dativo-iceberg privacy 1", key, hashlib.sha256).digest()
    return hmac.new(extracted, purpose + b"\x01", hashlib.sha256).digest()


def hash_of(text: str) -> str:
    return hmac.new(derived(b"hash"), text.encode(), hashlib.sha256).hexdigest()


def token_of(text: str) -> str:
    return "tok_" + hmac.new(derived(b"token"), text.encode(), hashlib.sha256).hexdigest()[:32]
