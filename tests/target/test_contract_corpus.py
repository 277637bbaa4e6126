"""Contracts like those that people have, each with records: what they accept is in a table, the rest in quarantine.

`corpus/<contract>.jsonl` holds the records of `tests/contract_reading/contracts/<contract>.yaml`, one a line: its
stream, the record, and either what differs from it in the table (`row`) or the reasons against it (`why`: path, class,
rule).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from target_dativo_iceberg.contract import load
from target_dativo_iceberg.contract.__main__ import main
from tests.contract_reading.conftest import ALL_CONTRACTS, CONTRACTS
from tests.readback import Tables
from tests.target.running import Ended, Target
from tests.target.test_cases import plain

CORPUS = Path(__file__).with_name("corpus")
MUST_FAIL = CONTRACTS.with_name("must_fail")
VERSIONS = ["cities/v1.yaml", "cities/v2.yaml", "cities/v3.yaml"]
TRAITS = {
    "everything at once",
    "every logical type with every option",
    "nested objects and arrays three deep",
    "partition keys",
    "composite keys",
    "all four quality types with every operator",
    "rule vocabulary",
    "metric vocabulary",
    "an apiVersion older than the keys used",
    "team as a list",
    "team as an object",
    "unknown top-level and nested keys",
    "unquoted versions and dates",
    "a contract version 1 → 2 → 3 with data for each",
    "a type matrix of 70 properties or more",
    "dativo's flat form",
    "dativo's wrapped form",
}
# Columns that the target adds.
ADDED = {"_dativo_meta", "_rescued_data", "ingest_date"}
Case = dict[str, Any]


def _cases(name: str) -> list[Case]:
    path = CORPUS / f"{name.removesuffix('.yaml').replace('/', '-')}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def _load(target: Target, contract: Path | str, cases: Sequence[Case], **settings: Any) -> Ended:
    """Load the records in order, after a SCHEMA for each stream that says nothing of types."""
    lines: list[Any] = []
    for stream in dict.fromkeys(case["stream"] for case in cases):
        names = {name: {} for case in cases if case["stream"] == stream for name in case["record"]}
        lines.append({"type": "SCHEMA", "stream": stream, "key_properties": [], "schema": {"properties": names}})
    lines += [{"type": "RECORD", "stream": case["stream"], "record": case["record"]} for case in cases]
    ended = target.run(lines, contract_path=str(contract), on_violation="quarantine", **settings)
    assert ended.code == 0, ended.log
    return ended


def _check(target: Target, ended: Ended, cases: Sequence[Case]) -> None:
    """Each record is where it must be, as it must be, and nothing else is anywhere."""
    streams = list(dict.fromkeys(case["stream"] for case in cases))
    places = {
        stream: [(len(streams) + n, c) for n, c in enumerate(cases, 1) if c["stream"] == stream] for stream in streams
    }
    for stream, placed in places.items():
        counts = ended.stream(stream)
        good = [case for _, case in placed if "why" not in case]
        assert _rows(target, counts["table"]) == _sorted(case["record"] | case.get("row", {}) for case in good)
        assert _reasons(target, counts["quarantine_table"]) == {
            line: (case["record"], sorted(map(tuple, case["why"]))) for line, case in placed if "why" in case
        }
        assert (counts["records"], counts["good"], counts["dropped"]) == (len(placed), len(good), 0)


def _rows(target: Target, table: str) -> list[str]:
    """All rows, without nulls and what the target adds, as sorted JSON texts."""
    return _sorted(
        {name: plain(value) for name, value in row.items() if name not in ADDED}
        for row in Tables(target.warehouse).rows(table)
    )


def _sorted(rows: Any) -> list[str]:
    return sorted(
        json.dumps({name: value for name, value in row.items() if value is not None}, sort_keys=True) for row in rows
    )


def _reasons(target: Target, table: str | None, version: str = "") -> dict[int, tuple[Any, list[tuple[str, ...]]]]:
    rows = Tables(target.warehouse).rows(table) if table else []
    names = ("path", "class", "rule")
    return {
        row["_seq"]: (json.loads(row["_record"]), sorted(tuple(e[n] for n in names) for e in row["_errors"]))
        for row in rows
        if version in ("", row["_contract_version"])
    }


@pytest.mark.parametrize("name", [name for name in ALL_CONTRACTS if name not in VERSIONS])
def test_a_contract_takes_its_valid_records_and_says_what_is_wrong_with_the_others(target: Target, name: str) -> None:
    cases = _cases(name)
    assert any("why" in case for case in cases)
    _check(target, _load(target, CONTRACTS / name, cases), cases)


def test_three_versions_of_a_contract_take_their_data_into_one_table(target: Target) -> None:
    found: list[Case] = []
    for name in VERSIONS:
        cases = _cases(name)
        ended = _load(target, CONTRACTS / name, cases)
        counts = ended.stream("cities")
        assert (counts["table"], counts["good"]) == ("default.cities", sum("why" not in c for c in cases))
        version = load(CONTRACTS / name, {}).contracts[0].version
        away = _reasons(target, counts["quarantine_table"], version)
        assert away == {
            line: (case["record"], sorted(map(tuple, case["why"])))
            for line, case in enumerate(cases, 2)
            if "why" in case
        }
        found += [case for case in cases if "why" not in case]
    # The second version widens, the third renames by the property's id.
    for case in found:
        case["record"] = {("city_name" if n == "name" else n): v for n, v in case["record"].items()}
    assert _rows(target, "default.cities") == _sorted(case["record"] | case.get("row", {}) for case in found)


_ICEBERG = {
    "binary(base64)": "binary",
    "binary(hex)": "binary",
    "fixed[16](base64)": "fixed[16]",
    "fixed[4](utf8)": "fixed[4]",
    "json": "string",
}


def _metadata(target: Target, table: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metadata of a table, and its schema."""
    document = json.loads(Path(target.published()[table].removeprefix("file://")).read_text())
    (schema,) = [s for s in document["schemas"] if s["schema-id"] == document["current-schema-id"]]
    return document, schema


def test_the_table_has_the_types_that_the_matrix_says(target: Target) -> None:
    _load(target, CONTRACTS / "type_matrix.yaml", _cases("type_matrix")[:1])
    _, schema = _metadata(target, "default.type_matrix")
    assert len(schema["fields"]) == 82
    for field in schema["fields"]:
        if isinstance(field["type"], str):
            said = re.sub(r"^(date|timestamp(?:tz)?)\b.*", r"\1", field["doc"])
            assert field["type"].replace(", ", ",") == _ICEBERG.get(said, said)
        else:
            assert field["doc"].startswith(field["type"]["type"])


def test_the_table_says_whose_it_is_and_what_is_in_it(target: Target) -> None:
    _load(target, CONTRACTS / "everything.yaml", _cases("everything")[:2])
    contract = load(CONTRACTS / "everything.yaml", {}).contracts[0]
    document, schema = _metadata(target, "ferries.bookings_v2")
    assert contract.properties.items() <= document["properties"].items()
    assert {name: document["properties"][name] for name in ("governance.owner", "governance.retention_days")} == {
        "governance.owner": "mara",
        "governance.retention_days": "730",
    }
    columns = {field["name"]: field for field in schema["fields"]}
    assert columns["passenger_email"]["doc"] == "Where the ticket goes."
    assert columns["booking_id"]["doc"] == "Booking number"
    key = [columns[name]["id"] for name in ("ferry_code", "booking_id")]
    assert sorted(schema["identifier-field-ids"]) == sorted(key)
    (spec,) = [s for s in document["partition-specs"] if s["spec-id"] == document["default-spec-id"]]
    assert [(f["source-id"], f["transform"]) for f in spec["fields"]] == [(columns["booked_at"]["id"], "day")]


def test_checks_of_every_kind_and_operator_are_taken_on_the_corpus(target: Target) -> None:
    ended = _load(target, CONTRACTS / "tide_quality.yaml", _cases("tide_quality"))
    checks = ended.stream("gauges")["checks"]
    assert {c["status"] for c in checks} <= {"pass", "warn", "skip"}
    operators = {c["expected"].split()[0] for c in checks if c["status"] in ("pass", "warn")}
    assert operators == {
        "mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo",
        "mustBeBetween", "mustNotBeBetween",
    }  # fmt: skip


def test_68_tables_and_465_properties_of_one_contract_take_their_records(target: Target) -> None:
    sizes = [7] * 57 + [6] * 11
    types = ["string", "integer", "number", "date", "timestamp", "boolean", "time"]
    head = "apiVersion: v3.1.0\nkind: DataContract\nid: big\nversion: 1.0.0\nstatus: active\nschema:\n"
    tables = (
        f"  - name: t{n:02}\n    properties:\n"
        + "".join(f"      - {{name: p{k}, logicalType: {types[k]}}}\n" for k in range(size))
        for n, size in enumerate(sizes)
    )
    path = target.folder / "big.yaml"
    path.write_text(head + "".join(tables))
    assert sum(len(contract.fields) for contract in load(path).contracts) == 465
    values = ["a", 1, 0.5, "2026-01-01", "2026-01-01T00:00:00Z", True, "10:00:00"]
    cases: list[Case] = []
    for n, size in enumerate(sizes):
        record = {f"p{k}": values[k] for k in range(size)}
        cases.append({"stream": f"t{n:02}", "record": record})
        if n % 8 == 0:
            cases.append({"stream": f"t{n:02}", "record": record | {"p1": 1.5}, "why": [["$.p1", "type", "type"]]})
    ended = _load(target, path, cases)
    assert ended.report["totals"]["good"] == 68
    assert ended.report["totals"]["quarantined"] == 9
    assert len(target.published()) == 68 + 9
    for n in (0, 56, 57, 67):
        (row,) = Tables(target.warehouse).rows(f"t{n:02}")
        assert {name: plain(value) for name, value in row.items()} == {
            f"p{k}": "2026-01-01T00:00:00+00:00" if k == 4 else values[k] for k in range(sizes[n])
        }


def test_the_corpus_has_all_traits_and_each_contract_says_which() -> None:
    found: set[str] = set()
    for name in ALL_CONTRACTS:
        first = (CONTRACTS / name).read_text().partition("\n")[0]
        said = re.search(r"# .*\bTraits: (.*)\.$", first) or re.search(r"# Traits: (.*)\.$", first)
        assert said, name
        found |= set(said[1].split("; "))
    assert found >= TRAITS
    assert len(ALL_CONTRACTS) >= 10


# ---- contracts that must fail ----


@pytest.mark.parametrize("path", sorted(MUST_FAIL.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_contract_that_must_fail_says_file_line_and_hint(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = re.fullmatch(r"# Fails on line (\d+): (.*) \| (.*)", path.read_text().partition("\n")[0])
    assert said
    assert main(["check", str(path)]) == 2
    printed = capsys.readouterr()
    (error,) = [line for line in printed.err.splitlines() if line.startswith("error: ")]
    assert error.startswith(f"error: {path}:{said[1]}: {said[2]}")
    # The hint ends the line; what follows it there in brackets says more of the same.
    assert f": {said[3]}" in error
    assert "Traceback" not in printed.err


def test_a_contract_that_must_fail_ends_a_run_before_any_record(target: Target) -> None:
    path = MUST_FAIL / "doubled_key.yaml"
    ended = target.run([], contract_path=str(path))
    assert (ended.code, target.published()) == (1, {})
    (error,) = ended.errors
    assert f"{path}:12: key 'logicalType' stands twice" in error
