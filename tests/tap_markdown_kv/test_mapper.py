"""mapper-markdown-kv: what becomes of each message, of files and of errors; between tap-csv and the target."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tap_adapters.common.errors import FileError, SettingsError, TapError
from tap_adapters.markdown_kv.mapper.mapper import MapperMarkdownKv
from tap_adapters.markdown_kv.mapper.settings import read_settings
from tap_adapters.markdown_kv.mapper.translating import Translator
from tap_adapters.markdown_kv.parse import parse
from tap_adapters.markdown_kv.write import record_of
from tests.conftest import Load
from tests.readback import Tables
from tests.taps.running import run_command, signals_restored
from tests.target.running import record, schema

Map = Callable[..., list[dict[str, Any]]]
STATE = b'{"type": "STATE",  "value": {"bookmarks": {"a": 1}}}\n'


@pytest.fixture
def mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Map:
    """Map messages with settings, in the test's folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *messages, **settings: [json.loads(line) for line in _lines(messages, settings)]


def _lines(messages: tuple[Any, ...], settings: dict[str, Any]) -> Iterator[bytes]:
    translator = Translator(read_settings(settings))
    for message in messages:
        yield from translator.lines(message if isinstance(message, bytes) else json.dumps(message).encode())


def test_a_record_becomes_a_row_with_its_text_under_a_new_schema(mapped: Map) -> None:
    first, row = mapped(schema(), record(7, s="red", n=None))
    assert (first["stream"], first["key_properties"]) == ("a", ["doc_id"])
    assert list(first["schema"]["properties"]) == ["doc_id", "markdown_kv_content"]
    assert row["record"] == {
        "doc_id": "7",
        "markdown_kv_content": '---\ndoc_id: "7"\nid: 7\n---\n\ns:: red\nn:: null\n',
    }


def test_hybrid_makes_two_streams_and_everything_keeps_its_order(mapped: Map) -> None:
    version = {"type": "ACTIVATE_VERSION", "stream": "a", "version": 5}
    stamped = record(7, s="red") | {"time_extracted": "2026-01-01T00:00:00Z", "version": 5}
    out = mapped(schema(), stamped, version, STATE, mode="structured", structured_pattern="hybrid")
    assert [(m["type"], m.get("stream")) for m in out] == [
        ("SCHEMA", "a"), ("SCHEMA", "a_kv"), ("RECORD", "a"), *[("RECORD", "a_kv")] * 3,
        ("ACTIVATE_VERSION", "a"), ("ACTIVATE_VERSION", "a_kv"), ("STATE", None),
    ]  # fmt: skip
    assert [m["key_properties"] for m in out[:2]] == [["doc_id"], ["doc_id", "ord"]]
    assert {(m["version"], m["record"]["extracted_at"]) for m in out[2:6]} == {(5, "2026-01-01T00:00:00Z")}
    assert [(m["record"]["key"], m["record"]["value"]) for m in out[3:6]] == [
        ("doc_id", "7"),
        ("id", "7"),
        ("s", "red"),
    ]


def test_states_and_other_streams_pass_byte_for_byte(tmp_path: Path) -> None:
    schema_line = b'{ "type":"SCHEMA","stream":"other","schema":{"properties":{}}}\n'
    lines = (STATE, schema_line, b'{"type":"RECORD","stream":"other","record":{"n":1.10}}\n')
    assert list(_lines(lines, {"streams": ["a*"]})) == list(lines)


def test_numbers_keep_their_digits_and_nested_values_are_json(mapped: Map) -> None:
    line = (
        b'{"type":"RECORD","stream":"a","record":{"id":7,"s":1.10,"n":123456789012345678901234567890,"o":[{"x":1.50}]}}'
    )
    _, row = mapped(schema(), line)
    text = row["record"]["markdown_kv_content"]
    assert text.endswith('s:: 1.10\nn:: 123456789012345678901234567890\no:: [{"x":1.50}]\n')


def test_the_doc_id_is_the_key_or_the_columns_named(mapped: Map) -> None:
    two = schema(keys=("id", "s"))
    assert mapped(two, record(1, s="a|b"))[-1]["record"]["doc_id"] == r"1|a\|b"
    assert mapped(two, record(1, s="x"), doc_id_columns={"a": ["s"]})[-1]["record"]["doc_id"] == "x"


def test_the_sdks_columns_go_along_and_are_no_part_of_the_document(mapped: Map) -> None:
    first, row = mapped(schema(_sdc_deleted_at={"type": ["string", "null"]}), record(1, _sdc_deleted_at="2026"))
    assert "_sdc_deleted_at" in first["schema"]["properties"]
    assert row["record"]["_sdc_deleted_at"] == "2026"
    assert "_sdc" not in row["record"]["markdown_kv_content"]


def test_raw_files_hold_the_documents_and_a_row_names_each(mapped: Map, tmp_path: Path) -> None:
    ids = ["plain", "../up", ".hidden", "a/b", "é" * 60, "A", "a b%2F", "x" * 300]
    messages = [schema(keys=("s",)), *[record(n, s=doc_id) for n, doc_id in enumerate(ids)], json.loads(STATE)]
    out = mapped(*messages, mode="raw_file", output_path="out")
    rows = [m["record"] for m in out if m["type"] == "RECORD"]
    assert [row["doc_id"] for row in rows] == ids
    assert len({row["path"] for row in rows}) == len(ids)
    for row, number in zip(rows, range(len(ids)), strict=True):
        path = tmp_path / "out" / row["path"]
        assert path.resolve().parent == (tmp_path / "out" / "a").resolve()
        assert path.stat().st_size == row["size"]
        assert record_of(parse(path.read_text())) == {"doc_id": row["doc_id"], "id": number, "s": row["doc_id"]}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]
    assert len(list((tmp_path / "out" / "a").iterdir())) == len(ids)


def test_a_document_replaces_itself_only(mapped: Map, tmp_path: Path) -> None:
    settings = {"mode": "raw_file", "output_path": "out", "path_pattern": "{stream}-{doc_id}"}
    mapped(schema(), record(1, s="old"), **settings)
    mapped(schema(), record(1, s="new"), **settings)
    assert "s:: new" in (tmp_path / "out" / "a-1.mdkv").read_text()
    (tmp_path / "out" / "a-2.mdkv").write_text("mine")
    other = [schema("a-1", keys=("s",)), record(5, "a-1", s="x")], [schema(keys=("s",)), record(6, s="1-x")]
    mapped(*other[0], **settings)
    for messages, name in (([schema(), record(2)], "a-2.mdkv"), (other[1], "a-1-x.mdkv")):
        before = (tmp_path / "out" / name).read_text()
        with pytest.raises(FileError, match=f"{name}: what stands there is not this document"):
            mapped(*messages, **settings)
        assert (tmp_path / "out" / name).read_text() == before


def test_a_link_out_of_the_folder_is_refused(mapped: Map, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileError, match="a link leads out"):
        mapped(schema(), record(1), mode="raw_file", output_path="out")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_paths_may_hold_the_day_and_the_moment_of_the_run(mapped: Map, tmp_path: Path) -> None:
    settings = {"mode": "raw_file", "output_path": "out", "file_extension": ".md"}
    row = mapped(schema(), record(1), path_pattern="{date}/{doc_id}_{timestamp}", **settings)[-1]["record"]
    stream, day, name = row["path"].split("/")
    assert (stream, name.split("_")[0], name.endswith("Z.md")) == ("a", "1", True)
    assert name.split("_")[1].startswith(day.replace("-", ""))


SECRET = "hunter2"
BAD_INPUT: dict[str, tuple[list[Any], str]] = {
    "no json": ([b"{" + SECRET.encode()], "Line 1 of the input is no Singer message"),
    "no schema": ([record(1, s=SECRET)], "Line 1 of the input: stream 'a' has had no SCHEMA yet"),
    "no key": ([schema(keys=())], "Stream 'a' has no key_properties"),
    "null key": ([schema(keys=("s",)), record(1, s=None)], "Stream 'a', record 1: column 's' names the document"),
    "no column": ([schema(keys=("x",))], "Stream 'a' has no column 'x'"),
    "batch": ([schema(), {"type": "BATCH", "stream": "a", "manifest": []}], "Stream 'a' comes in BATCH files"),
    "no record": ([schema(), {"type": "RECORD", "stream": "a"}], "Line 2 of the input is a RECORD without a record"),
    "surrogate": ([schema(), b'{"type":"RECORD","stream":"a","record":{"id":1,"s":"\\ud800"}}'], "Line 2 of the input"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_an_error_that_names_its_place_and_no_value(mapped: Map, case: str) -> None:
    messages, expected = BAD_INPUT[case]
    with pytest.raises(TapError) as caught:
        mapped(*messages)
    assert expected in str(caught.value)
    assert SECRET not in str(caught.value)


BAD_SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "typo": ({"modes": "string"}, "did you mean 'mode'?"),
    "mode": ({"mode": "rows"}, "'mode' must be one of string, raw_file, structured"),
    "pattern": ({"mode": "structured"}, "'structured_pattern' goes with 'mode: structured'"),
    "folder": ({"mode": "raw_file"}, "'output_path', the folder of the files, goes with"),
    "field": ({"path_pattern": "{x}{doc_id}"}, "'path_pattern' may hold {date}, {doc_id}, {stream}, {timestamp} only"),
    "attribute": ({"path_pattern": "{doc_id.x}"}, "'path_pattern' may hold"),
    "no id": ({"path_pattern": "{date}"}, "must hold {doc_id}"),
    "up": ({"path_pattern": "../{doc_id}"}, "must be a path below 'output_path'"),
    "root": ({"path_pattern": "/{doc_id}"}, "must be a path below 'output_path'"),
    "brace": ({"path_pattern": "{doc_id"}, "'path_pattern': "),
    "columns": ({"doc_id_columns": {"a": []}}, "'doc_id_columns.a' must name at least one column"),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_bad_settings_are_errors_with_their_place(case: str) -> None:
    config, expected = BAD_SETTINGS[case]
    with signals_restored(), pytest.raises(SettingsError) as caught:
        MapperMarkdownKv(config=config)
    assert expected in str(caught.value)


def test_rows_of_a_csv_file_land_as_documents(tmp_path: Path, load: Load, tables: Tables) -> None:
    (tmp_path / "a.csv").write_text('sku,name,note\nA-1,Kettle,"two\nlines"\nB-2,Lamp,\n')
    files = {"files": [{"entity": "products", "path": "a.csv", "keys": ["sku"]}]}
    read = run_command("tap_adapters.csv", tmp_path, options={"config": files})
    settings = {"mode": "structured", "structured_pattern": "hybrid"}
    mapped = run_command("tap_adapters.markdown_kv.mapper", tmp_path, options={"config": settings}, data=read.out)
    assert (read.code, mapped.code) == (0, 0)
    assert mapped.out.splitlines()[-1] == read.out.splitlines()[-1]
    load(mapped.out)
    assert tables.sql("SELECT doc_id, key, value FROM {products_kv} ORDER BY doc_id, ord") == [
        ("A-1", "doc_id", "A-1"), ("A-1", "sku", "A-1"), ("A-1", "name", "Kettle"), ("A-1", "note", "two\nlines"),
        ("B-2", "doc_id", "B-2"), ("B-2", "sku", "B-2"), ("B-2", "name", "Lamp"), ("B-2", "note", None),
    ]  # fmt: skip
    sections = tables.sql("SELECT sections FROM {products} ORDER BY doc_id")[0][0]
    assert [pair["key"] for pair in sections[1]["kv"]] == ["sku", "name", "note"]


def test_the_command_ends_with_one_line_and_code_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPPER_MARKDOWN_KV_STREAMS", '["a"]')
    done = run_command("tap_adapters.markdown_kv.mapper", tmp_path, "--config=ENV", data=b"nonsense\n")
    assert (done.code, done.out, len(done.errors)) == (1, b"", 1)
    assert "Line 1 of the input is no Singer message" in done.errors[0]
