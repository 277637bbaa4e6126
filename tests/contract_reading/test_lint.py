from __future__ import annotations

import hashlib
import json
import re
import socket
from collections.abc import Callable
from importlib.resources import files

import pytest
from jsonschema import Draft201909Validator

from target_dativo_iceberg.contract import ContractSet, load
from target_dativo_iceberg.contract.reading.document import plain
from target_dativo_iceberg.contract.reading.normalise import normalise
from target_dativo_iceberg.contract.reading.schema_lint import schema_notes
from target_dativo_iceberg.contract.reading.yaml_text import parse
from tests.contract_reading.conftest import ALL_CONTRACTS, CONTRACTS, odcs

SCHEMAS = files("target_dativo_iceberg.contract") / "schemas"
VERSIONS = {(3, 0): "3.0.2", (3, 1): "3.1.0", (3, 2): "3.2.0"}
ODCS_CONTRACTS = [name for name in ALL_CONTRACTS if name not in ("orders_flat.yaml", "files_wrapped.yaml")]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the lint opened a socket")

    monkeypatch.setattr(socket, "socket", refused)
    monkeypatch.setattr(socket, "create_connection", refused)


def official(name: str) -> Draft201909Validator:
    return Draft201909Validator(json.loads((SCHEMAS / f"odcs-{name}.schema.json").read_text("utf-8")))


def test_the_schemas_are_those_the_notice_names() -> None:
    sums = dict(re.findall(r"^([0-9a-f]{64})  (\S+)$", (SCHEMAS / "NOTICE").read_text("utf-8"), re.M))
    found = {hashlib.sha256((SCHEMAS / name).read_bytes()).hexdigest(): name for name in sums.values()}
    assert found == sums
    assert len(sums) == 3


@pytest.mark.parametrize("name", ODCS_CONTRACTS)
def test_the_lint_has_the_verdict_of_the_official_schema(no_network: None, name: str) -> None:
    raw = parse((CONTRACTS / name).read_bytes(), name)
    version = normalise(raw, name).version
    notes = schema_notes(raw, name, version)
    assert bool(notes) is not official(VERSIONS[version]).is_valid(plain(raw))
    assert bool(notes) is (name == "buoys_newer_words.yaml")


@pytest.mark.parametrize("name", [name for name in ALL_CONTRACTS if name != "buoys_newer_words.yaml"])
def test_the_canonical_form_is_valid_under_32(no_network: None, name: str) -> None:
    canonical = normalise(parse((CONTRACTS / name).read_bytes(), name), name).root
    assert [str(note) for note in schema_notes(canonical, name, (3, 2))] == []


BROKEN = """\
apiVersion: v3.1.0
kind: DataContract
id: i
version: 1.0
status: active
servers:
  - {server: s, type: flopydisk}
schema:
  - name: t
    colour: red
    properties:
      - name: secret-value-1
        logicalType: secret-value-2
        required: secret-value-3
        primaryKeyPosition: secret-value-4
      - logicalType: string
        logicalTypeOptions: {minLength: -1}
        quality:
          - {type: library, metric: rowCount, mustBe: 1, mustNotBe: 2}
"""


def test_findings_have_line_and_path_and_no_values() -> None:
    notes = schema_notes(parse(BROKEN.encode(), "c.yaml"), "c.yaml", (3, 1))
    found = {(note.line, note.path): note.message for note in notes}
    assert found[4, "version"] == "schema of ODCS: must be of type string"
    assert found[7, "servers[0].type"].startswith("schema of ODCS: must be one of api, athena")
    assert found[13, "schema[0].properties[0].logicalType"].startswith("schema of ODCS: must be one of string, date")
    assert found[14, "schema[0].properties[0].required"] == "schema of ODCS: must be of type boolean"
    assert found[16, "schema[0].properties[1]"] == "schema of ODCS: lacks 'name'"
    assert found[19, "schema[0].properties[1].quality[0]"].startswith(
        "schema of ODCS: needs exactly one of mustBe, mustNotBe"
    )
    assert found[17, "schema[0].properties[1].logicalTypeOptions.minLength"] == "schema of ODCS: breaks minimum 0"
    assert "secret-value" not in "".join(map(str, notes))


def test_an_unknown_key_alone_is_found_by_the_schema_and_not_told_twice() -> None:
    raw = parse(odcs("- {name: c, logicalType: string, colour: red}").encode(), "c.yaml")
    (note,) = schema_notes(raw, "c.yaml", (3, 2))
    assert (note.line, note.message) == (9, "schema of ODCS: unknown key 'colour'")
    assert schema_notes(raw, "c.yaml", (3, 2), {note.path}) == []


def test_unknown_and_newer_words_are_noted_with_the_nearest_known_one() -> None:
    notes = {note.path: note for note in load(CONTRACTS / "buoys_newer_words.yaml").notes}
    column = "schema[0].properties"
    assert {path: (note.line, note.message) for path, note in notes.items() if "key" in note.message} == {
        "priority": (9, "unknown key 'priority'"),
        "schema[0].physcialName": (13, "unknown key 'physcialName', did you mean 'physicalName'?"),
        f"{column}[0].requiredd": (17, "unknown key 'requiredd', did you mean 'required'?"),
        f"{column}[3].logicalTypeOptions.minimum_": (27, "unknown key 'minimum_', did you mean 'minimum'?"),
        f"{column}[5].quality[0].severityy": (34, "unknown key 'severityy', did you mean 'severity'?"),
    }
    newer = {note.message.split(" came")[0]: note.line for note in notes.values() if "raise apiVersion" in note.message}
    assert newer == {
        "'id'": 11, "logicalType 'timestamp'": 19, "'timezone'": 20, "'enum'": 23, "'deprecated'": 32, "'metric'": 34,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("name: unit_price, logicalType: number", "looks like money"),
        ("name: totalAmount, logicalType: number", "looks like money"),
        ("name: user_email, logicalType: string", "looks personal"),
        ("name: firstName, logicalType: string", "looks personal"),
        ("name: IP, logicalType: string", "looks personal"),
    ],
)
def test_doubtful_columns_are_noted(read: Callable[..., ContractSet], keys: str, message: str) -> None:
    notes = [note for note in read(odcs(f"- {{{keys}}}")).notes if message in note.message]
    assert [(note.line, note.path) for note in notes] == [(9, "schema[0].properties[0].name")]


@pytest.mark.parametrize(
    "keys",
    [
        "name: unit_price, logicalType: number, physicalType: 'DECIMAL(9,2)'",
        "name: user_email, logicalType: string, classification: pii",
        "name: user_email, logicalType: string, encryptedName: e",
        "name: zipper, logicalType: number",
    ],
)
def test_settled_columns_are_not_noted(read: Callable[..., ContractSet], keys: str) -> None:
    assert [note for note in read(odcs(f"- {{{keys}}}")).notes if note.level != "info"] == []


def test_what_only_catalogs_need_is_information(read: Callable[..., ContractSet]) -> None:
    notes = read(odcs("- {name: c, logicalType: string}")).notes
    assert {(note.level, note.line) for note in notes} == {("info", 7), ("info", 1)}
    assert any("physicalName" in note.message for note in notes)
    assert any("servers" in note.message for note in notes)
