"""Clear values in, every byte of what is written searched for them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from target_dativo_iceberg.batch import Plan
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Rule, RuleKind, Type
from target_dativo_iceberg.contract.policy import PRESETS, Policy
from target_dativo_iceberg.contract.privacy.protection import Privacy
from target_dativo_iceberg.contract.rules.verdict import Judge
from target_dativo_iceberg.contract.singer import properties
from target_dativo_iceberg.messages import Records
from target_dativo_iceberg.quarantine import Rejected, rows
from target_dativo_iceberg.stage import Staged, stage
from tests.privacy.door import STRING, people, protect, rule

PII: dict[str, Any] = {"classification": "pii"}
HOME = Type(Kind.STRUCT, fields=(Field("street", STRING, **PII), Field("floor", Type(Kind.INTEGER))))
CONTRACT: Contract = people(
    Field("id", Type(Kind.INTEGER), required=True),
    Field("email", STRING, rules=(Rule("email", RuleKind.PATTERN, "@"),), encrypted_name="email_enc", **PII),
    Field("card", STRING, **PII),
    Field("born", Type(Kind.DATE), **PII),
    Field("ssn", Type(Kind.INTEGER), **PII),
    Field("home", HOME),
    Field("phones", Type(Kind.LIST, item=Field("element", STRING)), **PII),
    Field("profile", Type(Kind.JSON), **PII),
    Field("gone", STRING, **PII),
    primary_key=("id",),
)
SCHEMA = {
    "properties": {
        "id": {"type": "integer"},
        "home": {
            "type": ["object", "null"],
            "properties": {"street": {"type": ["string", "null"]}, "floor": {"type": "integer"}},
        },
        "phones": {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
        "profile": {"type": ["object", "null"]},
        "ssn": {"type": ["integer", "null"]},
        **{name: {"type": ["string", "null"]} for name in ("email", "card", "born", "gone")},
    }
}
RULES = (
    rule("encrypt", name="email"),
    rule("partial:4", name="card"),
    rule("token", name="ssn"),
    rule("redact", path="home.street"),
    rule("null", name="profile"),
    rule("drop", name="gone"),
    rule("hash", path="*", classification="pii"),
    rule("hash", name="id"),
)
# Their parts never occur by chance: long digits for numbers, a word that nothing else holds for texts.
CANARIES = ["canary", "Canary", "19870605", "1987-06-05", "870605123456", "900100200300"]


def _record(number: int) -> dict[str, Any]:
    return {
        "id": 900100200300 + number,
        "email": f"canary{number}@example.com",
        "card": f"canary-4111-{number % 10}",
        "born": "1987-06-05",
        "ssn": 870605123456,
        "home": {"street": f"Canary Row {number}", "floor": number},
        "phones": [f"+49 canary {number}", None],
        "profile": {"name": f"canary {number}"},
        "gone": "canary",
    }


BROKEN: list[dict[str, Any]] = [
    {"email": "canary without a sign"},
    {"id": "canary", "ssn": "canary"},
    {"ssn": [870605123456]},
    {"born": "19870605x"},
    {"born": {"iso": "1987-06-05"}},
    {"home": "Canary Row"},
    {"home": [{"street": "Canary"}], "phones": "canary"},
    {"phones": [{"canary": "canary"}], "id": None},
    {"id": 5.5, "e_mail": "canary", "unknown": {"canary": ["canary"]}},
    {"email": ["canary"], "profile": "canary", "gone": {"canary": 1}},
]


def _lines() -> list[str]:
    records = [_record(n) for n in range(300)] + [_record(n) | broken for n, broken in enumerate(BROKEN)]
    return [json.dumps({"type": "RECORD", "stream": "people", "record": r}) for r in records]


def _staged(privacy: Privacy) -> Staged:
    """As the loader stages a run, with the two calls that privacy adds."""
    plan = Plan(privacy.clear, properties("people", SCHEMA))
    lines = pa.array([line.encode() + b"\n" for line in _lines()], pa.binary())
    return stage(plan, Judge(privacy.clear, Policy(PRESETS["discard_row"])), Records("people", lines, 1, 0, None))


def _written(privacy: Privacy, staged: Staged, folder: Path) -> bytes:
    hidden = [Rejected(r.line_number, privacy.apply_record(r.record), r.reasons) for r in staged.rejected]
    batches = [privacy.apply(staged.accepted), rows("run", "people", privacy.contract, hidden)]
    found = b""
    for name, batch in zip(("good", "quarantine"), batches, strict=True):
        table = pa.Table.from_batches([batch])
        for codec, dictionary in (("none", True), ("none", False)):
            file = folder / f"{name}-{dictionary}.parquet"
            pq.write_table(table, file, compression=codec, use_dictionary=dictionary, write_page_index=True)
            found += file.read_bytes()
        with pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        found += (folder / f"{name}.arrow").read_bytes()
    return found


def _shapes(canary: str) -> list[bytes]:
    """A text as it may stand in a file: as it is, in base64 at each of three offsets, in hex."""
    text = canary.encode()
    shifted = [base64.b64encode(b"\0" * shift + text)[4 if shift else 0 : -4] for shift in range(3)]
    return [text, text.hex().encode(), *(s for s in shifted if len(s) >= 6)]


def test_no_clear_value_is_in_any_byte_of_data_and_quarantine(tmp_path: Path) -> None:
    privacy = protect(CONTRACT, *RULES)
    staged = _staged(privacy)
    assert (staged.accepted.num_rows, len(staged.rejected)) == (300, len(BROKEN))
    found = _written(privacy, staged, tmp_path)
    for canary in CANARIES:
        for shape in _shapes(canary):
            assert shape not in found, canary
    ssn, born = (870605123456).to_bytes(8, "little"), (6364).to_bytes(4, "little") * 2
    assert ssn not in found
    assert born not in found


@pytest.mark.parametrize("canary", CANARIES)
def test_the_search_finds_each_of_them_where_nothing_is_protected(canary: str, tmp_path: Path) -> None:
    privacy = protect(CONTRACT, rule("allow", path="*"))
    found = _written(privacy, _staged(privacy), tmp_path)
    assert any(shape in found for shape in _shapes(canary))
    assert (870605123456).to_bytes(8, "little") in found


def test_reasons_and_keys_of_rejected_records_hold_no_clear_value() -> None:
    privacy = protect(CONTRACT, *RULES)
    for rejected in _staged(privacy).rejected:
        hidden = Rejected(rejected.line_number, privacy.apply_record(rejected.record), rejected.reasons)
        (row,) = rows("run", "people", privacy.contract, [hidden]).to_pylist()
        text = json.dumps(row, default=str)
        assert not any(canary in text for canary in CANARIES)
        assert json.loads(row["_record"])
        assert set(json.loads(row["_keys"])) <= {"id"}
