"""The command as the shell and Meltano see it: exit codes, standard output, one line of error."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tap_csv.conftest import COMMAND, Run, entry

SECRET = "hunter2"


def test_version_is_printed_without_importing_the_sdk(run: Run) -> None:
    assert run("--version").out.startswith(b"tap-csv v")
    script = "import sys; sys.argv[1:] = ['--version']; from tap_adapters.csv.__main__ import main; main(); "
    script += "print([name for name in ('singer_sdk', 'pyarrow', 'msgspec') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == b"[]"


def test_about_lists_the_settings_of_the_hub_definition(run: Run) -> None:
    about = json.loads(run("--about", "--format=json").out)
    assert about["name"] == "tap-csv"
    assert {"catalog", "discover", "state", "batch", "stream-maps"} <= set(about["capabilities"])
    settings = about["settings"]["properties"]
    assert {"files", "csv_files_definition", "add_metadata_columns", "batch_config", "stream_maps"} <= set(settings)
    hub_entry = "entity path keys encoding delimiter quotechar doublequote escapechar skipinitialspace strict"
    assert set(hub_entry.split()) <= set(settings["files"]["items"]["properties"])


def test_records_come_compact_with_type_and_stream_first(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,name\n1,Zoë\n")
    done = run(config=[entry("a.csv", keys=["id"])])
    assert done.code == 0
    schema, record, state = done.out.splitlines()
    assert record == '{"type":"RECORD","stream":"rows","record":{"id":"1","name":"Zoë"}}'.encode()
    assert json.loads(schema)["key_properties"] == ["id"]
    assert list(json.loads(state)["value"]["bookmarks"]["rows"]["files"]) == ["a.csv"]


def test_a_second_run_with_the_state_emits_it_again_and_no_record(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n")
    first = run(config=[entry("a.csv")]).messages
    second = run(config=[entry("a.csv")], state=first.state)
    assert second.code == 0
    assert second.messages.records() == []
    assert second.messages.state == first.state


def test_discovery_gives_a_catalog_that_selects_columns_in_the_next_run(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,name,secret\n1,a,b\n")
    catalog = json.loads(run("--discover", config=[entry("a.csv", keys=["id"])]).out)
    for item in catalog["streams"][0]["metadata"]:
        item["metadata"]["selected"] = item["breadcrumb"] not in [["properties", "secret"]]
    done = run(config=[entry("a.csv", keys=["id"])], catalog=catalog).messages
    assert done.records() == [{"id": "1", "name": "a"}]
    assert list(done.of("SCHEMA")[0]["schema"]["properties"]) == ["id", "name"]


def test_settings_may_come_from_the_environment(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n")
    monkeypatch.setenv("TAP_CSV_FILES", json.dumps([entry("a.csv")]))
    assert run("--config=ENV").messages.records() == [{"id": "1"}]


def test_the_file_list_may_come_from_a_definition_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n")
    (tmp_path / "files-def.json").write_text(json.dumps([entry("a.csv")]))
    config = {"csv_files_definition": "files-def.json", "files": [entry("missing.csv")]}
    assert run(config=config).messages.records() == [{"id": "1"}]


BAD_FILES = {
    "ragged": (f"id,name\n1,a\n2,{SECRET},c\n", {}, "a.csv, line 3: the row has 3 fields where 2 are expected"),
    "unclosed": (f'id,name\n1,a\n2,"{SECRET}\n3,c\n', {}, "a.csv, line 3: the file ends inside a quoted field"),
    "value": (f"id\n1\n{SECRET}\n", {"types": {"id": "integer"}}, "a.csv, line 3: the value in column 'id'"),
    "encoding": (f"id\n1\n{SECRET}\xff\n".encode("latin-1"), {}, "a.csv, line 3: the bytes are not valid utf-8"),
    "empty": ("", {}, "its columns are not known"),
    "key": (f"id\n{SECRET}\n", {"keys": ["nr"]}, "a.csv: it has no column 'nr'"),
    "directory": (None, {"path": "folder"}, "holds no file that ends in"),
    "glob": (None, {"path": "*.nothing"}, "no file matches '*.nothing'"),
    "missing": (None, {"path": "missing.csv"}, "file 'missing.csv' does not exist"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_ends_the_run_with_one_line_and_no_value(run: Run, tmp_path: Path, case: str) -> None:
    content, settings, expected = BAD_FILES[case]
    (tmp_path / "folder").mkdir()
    if content is not None:
        (tmp_path / "a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    done = run(config=[entry("a.csv") | settings])
    assert done.code == 1
    assert len(done.errors) == 1
    assert expected in done.errors[0]
    assert SECRET not in done.log


def _batches(form: str, root: str) -> dict[str, Any]:
    return {"files": [entry("a.csv")], "batch_config": {"encoding": {"format": form}, "storage": {"root": root}}}


BAD_SETTINGS: dict[str, tuple[Any, str]] = {
    "none": ({}, "No files to read"),
    "typo": ({"files": [entry("a.csv", delim=";")]}, "'files[0].delim' is not known; did you mean 'delimiter'?"),
    "global typo": ({"files": [], "null_value": ["x"]}, "'null_value' is not known; did you mean 'null_values'?"),
    "kind": ({"files": [entry("a.csv", keys="id")]}, "'files[0].keys': expected `array | null`"),
    "incomplete": ({"files": [{"entity": "rows"}]}, "missing required field `path`"),
    "no array": ({"files": {"entity": "rows"}}, "'files' must be an array"),
    "policy": ({"files": [entry("a.csv", on_ragged_row="drop")]}, "on_ragged_row' must be one of error, skip"),
    "type": ({"files": [entry("a.csv", types={"a": "int"})]}, "'files[0].types.a' must be one of integer"),
    "unknown column": ({"files": [entry("a.csv", types={"b": "integer"})]}, "names column 'b', which no file has"),
    "encoding": ({"files": [entry("a.csv", encoding="utf-9")]}, "encoding' is not the name of a text encoding"),
    "dialect": ({"files": [entry("a.csv", delimiter="||")]}, "delimiter' must be one character"),
    "same marks": ({"files": [entry("a.csv", delimiter='"')]}, "must differ"),
    "columns": ({"files": [entry("a.csv", columns=["a"])]}, "files with 'header: false' only"),
    "keys differ": ({"files": [entry("a.csv"), entry("a.csv", keys=["a"])]}, "differs from an earlier entry"),
    "definition": ({"csv_files_definition": "none.json"}, "cannot read 'none.json'"),
    "batch": (_batches("orc", "/x"), "must be one of parquet, arrow, jsonl"),
    "remote": (_batches("arrow", "s3://x"), "must be a file:// URI or a path"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_bad_settings_end_discovery_with_one_line(run: Run, tmp_path: Path, case: str) -> None:
    config, expected = BAD_SETTINGS[case]
    (tmp_path / "a.csv").write_text("a\n1\n")
    done = run("--discover", config=config)
    assert (done.code, done.out) == (1, b"")
    assert len(done.errors) == 1
    assert expected in done.errors[0]


@pytest.mark.parametrize(
    ("option", "content", "expected"),
    [
        ("config", "{", "Option --config"),
        ("config", "[1]", "Option --config: 'bad.json' is missing or is not a JSON object"),
        ("state", "{", "Option --state: its file cannot be used: not valid JSON"),
        ("state", '{"bookmarks": {"rows": 1}}', "$.bookmarks"),
        ("catalog", '{"streams": [{}]}', "missing required field `tap_stream_id`"),
    ],
)
def test_an_unusable_option_file_ends_the_run_with_one_line(
    run: Run, tmp_path: Path, option: str, content: str, expected: str
) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n")
    (tmp_path / "bad.json").write_text(content)
    config = {} if option == "config" else {"config": [entry("a.csv")]}
    done = run(f"--{option}", "bad.json", **config)
    assert (done.code, done.out) == (1, b"")
    assert len(done.errors) == 1
    assert expected in done.errors[0]


@pytest.mark.parametrize("arguments", [("--config", "none.json"), ("--state", "none.json"), ("--frobnicate",)])
def test_a_wrong_command_line_is_one_line_and_code_1(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.code, done.out, len(done.errors)) == (1, b"", 1)


def test_all_files_are_checked_before_anything_is_emitted(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n")
    done = run(config=[entry("a.csv"), {"entity": "zebra", "path": "missing.csv"}])
    assert (done.code, done.out) == (1, b"")


def test_a_reader_that_goes_away_ends_the_run_quietly(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n" + "".join(f"{i},{'x' * 50}\n" for i in range(200_000)))
    for number, settings in enumerate(({}, {"stream_maps": {"rows": {"twice": "id"}}})):
        (tmp_path / f"{number}.json").write_text(json.dumps({"files": [entry("a.csv")]} | settings))
        with subprocess.Popen(
            [COMMAND, "--config", f"{number}.json"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as tap:
            assert tap.stdout is not None
            assert tap.stderr is not None
            tap.stdout.readline()
            tap.stdout.close()
            log = tap.stderr.read().decode()
            assert tap.wait(timeout=60) == 1
        assert not any(word in log for word in ("ERROR", "Traceback", "Exception", "terminate")), log


def test_a_signal_ends_the_run_with_its_own_code_and_no_torn_state(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n" + "1\n" * 2_000_000)
    (tmp_path / "config.json").write_text(json.dumps({"files": [entry("a.csv")]}))
    with subprocess.Popen(
        [COMMAND, "--config", "config.json"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as tap:
        assert tap.stdout is not None
        assert tap.stdout.readline().startswith(b'{"type":"SCHEMA"')
        tap.send_signal(signal.SIGTERM)
        rest = tap.stdout.read()
        assert tap.wait(timeout=60) == 128 + signal.SIGTERM
    assert b'"STATE"' not in rest
