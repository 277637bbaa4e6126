"""Documents as streams: shapes, names, bookmarks, errors; through the target and read back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tap_adapters.common.errors import FileError, SettingsError
from tap_adapters.markdown_kv import reading
from tap_adapters.markdown_kv.tap import TapMarkdownKv
from tests.conftest import Load
from tests.readback import Tables
from tests.tap_markdown_kv.conftest import Run, Sync

Docs = Callable[[str, str], Path]
WIDGET = '---\nid: 7\ntitle: Widget\n---\nIntro.\n\ncolor:: red\n# Size\ndims:: {"w": 2}\nnote:: a\n  b\n'
DIMS = '{"w": 2}'
OTHER = "---\ndoc_id: B\n---\nname:: Zoë\n"
SECRET = "hunter2"


def test_hybrid_gives_documents_with_a_nested_list_and_pairs_in_tables(
    sync: Sync, docs: Docs, load: Load, tables: Tables
) -> None:
    docs("a.md", WIDGET)
    docs("deep/b.mdkv", OTHER)
    docs("c.txt", "no document")
    first = sync(pattern="hybrid")
    load(first.out, load_method="upsert")
    documents = tables.sql("SELECT doc_id, title, sections, raw_md FROM {notes} ORDER BY doc_id")
    assert [(row[0], row[1], row[3]) for row in documents] == [
        ("7", "Widget", WIDGET),
        ("B", None, OTHER),
    ]
    assert documents[0][2] == [
        {"section": "_front_matter", "level": 0, "text": None, "kv": [_kv("id", "7", 0), _kv("title", "Widget", 1)]},
        {"section": "_default", "level": 0, "text": "Intro.", "kv": [_kv("color", "red", 0)]},
        {
            "section": "Size",
            "level": 1,
            "text": None,
            "kv": [_kv("dims", '{"w": 2}', 0, '{"w": 2}'), _kv("note", "a\nb", 1)],
        },
    ]
    query = "SELECT doc_id, section, key, value, ord FROM {notes_kv} ORDER BY doc_id, ord"
    assert tables.sql(query)[-3:] == [
        ("7", "Size", "note", "a\nb", 4),
        ("B", "_front_matter", "doc_id", "B", 0),
        ("B", "_default", "name", "Zoë", 1),
    ]

    docs("deep/b.mdkv", "---\ndoc_id: B\n---\nname:: Ada\n")
    second = sync(pattern="hybrid", state=first.state)
    assert [row["doc_id"] for row in second.records("notes")] == ["B"]
    load(second.out, load_method="upsert")
    assert tables.sql(query)[-1] == ("B", "_default", "name", "Ada", 1)
    assert (tables.count("notes"), tables.count("notes_kv")) == (2, 7)


def _kv(key: str, value: str, number: int, json: str | None = None) -> dict[str, Any]:
    return {"key": key, "value": value, "value_json": json, "ord": number}


def test_string_and_raw_file_keep_the_text(sync: Sync, docs: Docs) -> None:
    path = docs("a.md", WIDGET)
    assert sync(pattern="string").records() == [{"doc_id": "7", "markdown_kv_content": WIDGET}]
    (row,) = sync(pattern="raw_file").records()
    assert (row["path"], row["content"], row["size"]) == ("docs/a.md", WIDGET, path.stat().st_size)


def test_every_pattern_names_its_keys(sync: Sync, docs: Docs) -> None:
    docs("a.md", WIDGET)
    keys = {
        pattern: [message["key_properties"] for message in sync(pattern=pattern).of("SCHEMA")]
        for pattern in ("document_level", "row_per_kv", "string", "raw_file", "hybrid")
    }
    assert keys == {
        "document_level": [["doc_id"]],
        "row_per_kv": [["doc_id", "ord"]],
        "string": [["doc_id"]],
        "raw_file": [["path"]],
        "hybrid": [["doc_id"], ["doc_id", "ord"]],
    }


@pytest.mark.parametrize("pattern", ["document_level", "row_per_kv", "string", "raw_file"])
def test_unchanged_documents_are_not_read_again(sync: Sync, docs: Docs, pattern: str) -> None:
    docs("a.md", WIDGET)
    docs("b.md", "---\nid: 8\n---\nx:: 1\n")
    first = sync(pattern=pattern)
    assert sync(pattern=pattern, state=first.state).records() == []
    path = docs("b.md", "---\nid: 8\n---\nx:: 2\n")
    again = sync(pattern=pattern, state=first.state)
    assert {row.get("doc_id", row.get("path")) for row in again.records()} <= {"8", str(path.relative_to(Path.cwd()))}
    assert again.records()
    assert set(first.state["bookmarks"]["notes"]["files"]) == {"docs/a.md", "docs/b.md"}


def test_full_table_reads_all_again(sync: Sync, docs: Docs) -> None:
    docs("a.md", WIDGET)
    first = sync(pattern="string")
    item = {
        "tap_stream_id": "notes",
        "schema": first.of("SCHEMA")[0]["schema"],
        "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}],
        "replication_method": "FULL_TABLE",
    }
    assert len(sync(pattern="string", state=first.state, catalog={"streams": [item]}).records()) == 1


def test_the_key_of_a_document_is_looked_for_in_front_matter_then_in_pairs(sync: Sync, docs: Docs) -> None:
    docs("a.md", "---\nsku: A\n---\nsku:: B\n")
    docs("b.md", "# Data\nsku:: C\n")
    assert [row["doc_id"] for row in sync(doc_id_key="sku", pattern="string").records()] == ["A", "C"]
    assert [row["doc_id"] for row in sync(doc_id_from="path", pattern="string").records()] == ["docs/a.md", "docs/b.md"]


def test_an_encoding_is_taken_and_a_byte_order_mark_wins(sync: Sync, docs: Docs) -> None:
    docs("a.md", "").write_bytes("---\nid: é\n---\n".encode("latin-1"))
    docs("b.md", "").write_bytes("---\nid: ü\n---\n".encode("utf-16"))
    assert [row["doc_id"] for row in sync(encoding="latin-1", pattern="string").records()] == ["é", "ü"]


BAD: dict[str, tuple[bytes, str]] = {
    "no name": (f"a:: {SECRET}\n".encode(), "docs/a.md: it has no value for 'doc_id' or 'id' in its front matter"),
    "no yaml": (f"---\nid: [{SECRET}\n---\n".encode(), "docs/a.md: its front matter cannot be used: it is not valid"),
    "bytes": (f"id:: 1\n{SECRET}\xff\n".encode("latin-1"), "docs/a.md, line 2: the bytes are not valid utf-8"),
    "big": (b"x" * 2000, "too big for one document"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_document_is_an_error_that_names_it_and_no_value(
    sync: Sync, docs: Docs, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, expected = BAD[case]
    monkeypatch.setattr(reading, "MAX_BYTES", 1000)
    docs("a.md", "").write_bytes(content)
    with pytest.raises(FileError) as caught:
        sync()
    assert expected in str(caught.value)
    assert SECRET not in str(caught.value)


def test_two_documents_of_one_name_are_an_error(sync: Sync, docs: Docs) -> None:
    docs("a.md", WIDGET)
    docs("b.md", WIDGET)
    with pytest.raises(FileError, match=r"docs/b\.md: it has the doc_id of docs/a\.md"):
        sync()


BAD_SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "none": ({}, "set 'files' to at least one entry"),
    "typo": ({"files": [{"entity": "a", "path": "b", "patterns": "x"}]}, "did you mean 'pattern'?"),
    "pattern": ({"files": [{"entity": "a", "path": "b", "pattern": "rows"}]}, "'files[0].pattern' must be one of docu"),
    "origin": ({"files": [{"entity": "a", "path": "b"}], "doc_id_from": "hash"}, "'doc_id_from' must be one of key"),
    "differs": (
        {"files": [{"entity": "a", "path": "b"}, {"entity": "a", "path": "c", "pattern": "string"}]},
        "'files[1].pattern' differs from an earlier entry",
    ),
    "names": (
        {"files": [{"entity": "a", "path": "b", "pattern": "hybrid"}, {"entity": "a_kv", "path": "c"}]},
        "two entities make the stream 'a_kv'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_bad_settings_are_errors_with_their_place(case: str) -> None:
    config, expected = BAD_SETTINGS[case]
    with pytest.raises(SettingsError) as caught:
        TapMarkdownKv(config=config)
    assert expected in str(caught.value)


def test_the_command_reads_settings_from_the_environment_and_ends_with_one_line(
    run: Run, docs: Docs, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = docs("a.md", WIDGET)
    monkeypatch.setenv("TAP_MARKDOWN_KV_FILES", '[{"entity": "notes", "path": "docs", "pattern": "string"}]')
    done = run("--config=ENV")
    assert done.code == 0
    assert [row["doc_id"] for row in done.messages.records()] == ["7"]
    os.truncate(path, 0)
    failed = run("--config=ENV", state=done.messages.state)
    assert (failed.code, len(failed.errors)) == (1, 1)
    assert "docs/a.md: it has no value" in failed.errors[0]
