"""Every type and every rule that a contract can name, read on all paths alike: RECORDs, BATCH lines, BATCH columns.

The types are those of `type_matrix.yaml` (each row of the type table), the rules those of `every_option.yaml` (each
kind). Values are the corpus of both, which is valid and just not so, and the hostile ones of `test_agreement`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from target_dativo_iceberg.batch import Plan, Typed, read_arrow, read_slowly
from target_dativo_iceberg.cells import json_lines
from target_dativo_iceberg.contract import load
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Rule, RuleKind, Type
from target_dativo_iceberg.contract.rules.verdict import Judge
from tests.contract_reading.conftest import CONTRACTS
from tests.target.test_agreement import VALUES, assert_same

NAMES = ["type_matrix", "every_option"]
# Given by the engine `dativo`, or by quality rules: kinds that no option of a logical type makes.
_LACKING = (Rule("not-in", RuleKind.NOT_IN, ("n/a", "")),)


def _contract(name: str) -> Contract:
    (found,) = load(CONTRACTS / f"{name}.yaml", {}).contracts
    if name == "every_option":
        found = replace(found, fields=(*found.fields, Field("refused", Type(Kind.STRING), rules=_LACKING)))
    return found


def _records(name: str) -> list[dict[str, Any]]:
    path = Path(__file__).with_name("corpus") / f"{name}.jsonl"
    return [json.loads(line)["record"] for line in path.read_text().splitlines()]


def _all_rules(f: Field) -> set[RuleKind]:
    inner = (*f.type.fields, *((f.type.item,) if f.type.item else ()))
    return {rule.kind for rule in f.rules}.union(*map(_all_rules, inner))


def test_both_contracts_have_every_kind_of_type_and_of_rule() -> None:
    fields = [f for name in NAMES for f in _contract(name).fields]
    assert {f.type.kind for f in fields} == set(Kind)
    assert set[RuleKind]().union(*map(_all_rules, fields)) == set(RuleKind)


def _lines(name: str, *, bare: bool) -> list[bytes]:
    """The corpus, and for each column another part of the hostile values."""
    texts = [json.dumps(r, ensure_ascii=False).encode() for r in _records(name)]
    for n, f in enumerate(_contract(name).fields):
        texts += [b'{"%s": %s}' % (f.name.encode(), value) for value in VALUES[n % 41 :: 41]]
    if bare:
        return [text + b"\n" for text in texts]
    return [b'{"type": "RECORD", "stream": "s", "record": ' + text + b"}\n" for text in texts]


def _evidence(name: str, said: str) -> dict[str, Any]:
    """What a SCHEMA may say of the columns."""
    names = [f.name for f in _contract(name).fields]
    kinds = {"nothing": {}, "text": {"type": ["null", "string"]}, "number": {"type": ["null", "number"]}}
    return {"properties": {n: kinds[said] for n in names}}


@pytest.mark.parametrize(
    ("said", "bare"),
    [("nothing", False), ("text", False), ("number", False), ("nothing", True)],
    ids=["RECORD", "RECORD of texts", "RECORD of numbers", "BATCH"],
)
@pytest.mark.parametrize("name", NAMES)
def test_lines_are_read_and_judged_the_same_by_both_paths(name: str, said: str, bare: bool) -> None:
    lines = _lines(name, bare=bare)
    for start in range(0, len(lines), 400):
        assert_same(_contract(name), _evidence(name, said), lines[start : start + 400], bare=bare)


# ---- columns of files ----

_AT = datetime(2024, 2, 29, 10, 20, 30, 123456, UTC)


def _texts() -> list[str]:
    """The hostile values that are texts, and the text of all others."""
    found = []
    for value in VALUES:
        try:
            one = json.loads(value)
        except (ValueError, RecursionError):
            one = None
        text = one if isinstance(one, str) else value.decode("utf-8", "ignore")
        if not any("\ud800" <= c <= "\udfff" for c in text):
            found.append(text)
    return found


_BIG = 2**63 - 1
COLUMNS: dict[str, pa.Array] = {
    "texts": pa.array([*_texts(), None]),
    "integers": pa.array([0, 1, -1, 5, 127, 128, -129, 65536, 2**31, 2**53 + 1, _BIG, -_BIG - 1, None]),
    "unsigned": pa.array([0, 255, 2**64 - 1, None], pa.uint64()),
    "doubles": pa.array([0.0, -0.0, 0.1, 0.3, 5.0, 5.7, 1e39, 1e-320, 2.0**53, 2.0**63, -1e308, None]),
    "floats": pa.array([0.1, 0.5, 16777217.0, None], pa.float32()),
    "decimals": pa.array([Decimal(t) for t in ("1.50", "19.999", "1e20", "-0.001")], pa.decimal128(38, 3)),
    "wide": pa.array([Decimal(10) ** 37, Decimal("9" * 38), None], pa.decimal128(38, 0)),
    "flags": pa.array([True, False, None]),
    "days": pa.array([date(1, 1, 1), date(2024, 2, 29), date(9999, 12, 31), None]),
    "moments": pa.array([_AT.replace(tzinfo=None), datetime(2024, 1, 1), None], pa.timestamp("us")),  # noqa: DTZ001
    "instants": pa.array([_AT, None], pa.timestamp("us", "Europe/Rome")),
    "nanoseconds": pa.array([1, 1000, 10**9, None], pa.timestamp("ns", "UTC")),
    "times": pa.array([time(10, 20, 30, 500000), time(8), None], pa.time64("us")),
    "lists": pa.array([[1, 2, 3], [1, 1], [], [None], None], pa.list_(pa.int64())),
    "numbers": pa.array([[0.5, 1.5, 2.5], [1.0, 2.0]], pa.list_(pa.float64())),
    "text lists": pa.array([["2024-01-01"], ["x", None], ["true"]]),
    "structs": pa.array([{"a": "x", "b": "1"}, {"a": None, "b": "y"}, None]),
    "other structs": pa.array([{"zz": 1, "a": 5}, None]),
    "maps": pa.array([[("k", 1)], [("k", 10), ("l", None)], [], None], pa.map_(pa.string(), pa.int64())),
    "nothing": pa.nulls(3),
}  # fmt: skip


def _reasons(typed: Typed, contract: Contract) -> dict[int, set[tuple[str, str, str]]]:
    found = Judge(contract).judge(typed.batch, typed.findings).turned_away
    return {row: {(v.path, v.klass, v.rule) for v, _ in reasons} for row, (_, reasons) in found.items()}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_of_a_parquet_file_is_judged_as_its_json(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"c": COLUMNS[kind]}), path)
    (batch,) = pq.ParquetFile(path).iter_batches(len(COLUMNS[kind]))
    for f in (f for name in NAMES for f in _contract(name).fields):
        contract = Contract("s", (replace(f, name="c", required=False),))
        plan = Plan(contract, {}, bare=True)
        whole, alone = read_arrow(plan, batch), read_slowly(Plan(contract, {}, bare=True), json_lines(batch))
        whole.batch.validate(full=True)
        assert whole.batch.to_pylist() == alone.batch.to_pylist(), f.name
        assert _reasons(whole, contract) == _reasons(alone, contract), f.name
        for row in range(0, len(batch), max(5, len(batch) // 8)):
            one = read_arrow(plan, batch.slice(row, 1))
            assert one.batch.equals(whole.batch.slice(row, 1)), f.name
            assert _reasons(one, contract).get(0) == _reasons(whole, contract).get(row), f.name
