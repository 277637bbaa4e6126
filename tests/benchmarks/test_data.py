"""Benchmark streams hold what their descriptions say, and break the contract there and nowhere else."""

import json
from collections import Counter

import jsonschema
import pyarrow.parquet as pq
import pytest
import yaml

from benchmarks import batches, data
from benchmarks.shapes import SHAPES
from target_dativo_iceberg import contract as contracts

RECORDS = 2_500
JSON_TYPES = {"timestamp": "string", "date": "string"}
INSTANT = r"^20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{6}"


def messages(stream):
    with stream.path.open() as lines:
        return [json.loads(line) for line in lines]


def records(stream):
    return [message for message in messages(stream) if message["type"] == "RECORD"]


def json_schema(odcs):
    """What an ODCS 3.1 property says of a value, as JSON Schema: written apart from what makes the values."""
    kind = odcs["logicalType"]
    schema = {"type": JSON_TYPES.get(kind, kind)}
    options = odcs.get("logicalTypeOptions", {})
    if kind == "timestamp":
        schema["pattern"] = INSTANT + (r"(Z|[+-]\d\d:\d\d)$" if options["timezone"] else "$")
    elif kind == "date":
        schema["pattern"] = r"^20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"
    elif kind == "object":
        schema |= object_schema(odcs["properties"])
    elif kind == "array":
        schema["items"] = json_schema(odcs["items"])
    else:
        schema |= {name: options[name] for name in ("minimum", "maximum", "pattern", "maxLength") if name in options}
    for rule in odcs.get("quality", []):
        schema["enum"] = rule["arguments"]["validValues"]
    return schema if odcs["required"] else {"anyOf": [{"type": "null"}, schema]}


def object_schema(properties):
    return {
        "type": "object",
        "properties": {each["name"]: json_schema(each) for each in properties},
        "required": [each["name"] for each in properties],
        "additionalProperties": False,
    }


def validators(stream):
    document = yaml.safe_load(stream.contract.read_text())
    return {
        each["name"]: jsonschema.Draft202012Validator(object_schema(each["properties"])) for each in document["schema"]
    }


@pytest.mark.parametrize("shape", SHAPES)
def test_every_line_is_what_a_python_tap_would_write(shape, tmp_path):
    stream = data.make(shape, 300, cache=tmp_path)
    with stream.path.open() as lines:
        for line in lines:
            assert json.dumps(json.loads(line)) + "\n" == line


@pytest.mark.parametrize("shape", SHAPES)
def test_every_record_keeps_the_contract(shape, tmp_path):
    stream = data.make(shape, 300, cache=tmp_path)
    keeping = validators(stream)
    for message in records(stream):
        keeping[message["stream"]].validate(message["record"])


@pytest.mark.parametrize("shape", SHAPES)
def test_the_description_counts_rows_bytes_and_ids(shape, tmp_path):
    stream = data.make(shape, 300, cache=tmp_path)
    found = records(stream)
    assert len(found) == stream.records == stream.good == 300
    assert Counter(message["stream"] for message in found) == stream.good_by_stream
    assert len({message["record"]["id"] for message in found}) == 300
    assert sum(message["record"]["id"] for message in found) == stream.id_sum
    assert stream.path.stat().st_size == stream.size


@pytest.mark.parametrize("shape", ["ten", "interleaved"])
def test_bad_rows_are_those_that_break_the_contract(shape, tmp_path):
    stream = data.make(shape, RECORDS, 0.02, cache=tmp_path)
    keeping = validators(stream)
    good, faults = Counter(), Counter()
    id_sum = 0
    for message in records(stream):
        broken = {error.path[0] for error in keeping[message["stream"]].iter_errors(message["record"])}
        faults[len(broken)] += 1
        if not broken:
            good[message["stream"]] += 1
            id_sum += message["record"]["id"]
    assert faults == {0: stream.good, 1: stream.bad}
    assert stream.bad == sum(stream.bad_by_rule.values()) == RECORDS // 50
    assert len(stream.bad_by_rule) == 16
    assert good == stream.good_by_stream
    assert id_sum == stream.id_sum


def test_a_state_line_follows_every_ten_thousand_records_and_the_last(tmp_path):
    stream = data.make("narrow", 25_000, cache=tmp_path)
    seen, at_states = 0, []
    for message in messages(stream):
        seen += message["type"] == "RECORD"
        if message["type"] == "STATE":
            at_states.append((seen, message["value"]["bookmarks"]["visits"]["replication_key_value"]))
    assert at_states == [(rows, data.FIRST_ID + rows - 1) for rows in (10_000, 20_000, 25_000)]


def test_ids_are_distinct_across_blocks(tmp_path):
    stream = data.make("narrow", 21_000, cache=tmp_path)
    assert len({message["record"]["id"] for message in records(stream)}) == 21_000


def test_streams_take_turns_record_by_record(tmp_path):
    stream = data.make("interleaved", 12, cache=tmp_path)
    names = SHAPES["interleaved"].streams
    assert [message["stream"] for message in records(stream)] == [names[row % 5] for row in range(12)]
    assert [message["stream"] for message in messages(stream) if message["type"] == "SCHEMA"] == list(names)


def test_the_same_request_gives_the_same_bytes(tmp_path):
    first, second = (data.make("nested", 500, cache=tmp_path / name) for name in "ab")
    assert first.path.read_bytes() == second.path.read_bytes()


def test_a_stream_made_before_is_taken_from_the_cache(tmp_path):
    made = data.make("ten", 100, cache=tmp_path)
    before = made.path.stat().st_mtime_ns
    again = data.make("ten", 100, cache=tmp_path)
    assert again == made
    assert again.path.stat().st_mtime_ns == before


@pytest.mark.parametrize("shape", SHAPES)
def test_the_target_reads_every_contract_without_complaint(shape, tmp_path):
    stream = data.make(shape, 10, cache=tmp_path)
    found = contracts.load(stream.contract)
    names = [column.name for column in SHAPES[shape].columns]
    for name in SHAPES[shape].streams:
        chosen = contracts.choose(found, name, {})
        assert [each.name for each in chosen.fields] == names
    assert not [note for note in found.notes if note.level != "info"]


def test_batch_files_hold_the_records_of_the_lines(tmp_path):
    lines, stream = data.make("ten", 1_000, cache=tmp_path), batches.make(1_000, cache=tmp_path)
    named = [message["manifest"] for message in messages(stream) if message["type"] == "BATCH"]
    assert len(named) == 1
    table = pq.read_table(named[0][0].removeprefix("file://"))
    assert table["id"].to_pylist() == [message["record"]["id"] for message in records(lines)]
    assert stream.records == table.num_rows
