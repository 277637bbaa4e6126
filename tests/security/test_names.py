"""Names from the input, from contracts and from settings stay names: no file outside, no other column."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dativo_ingest.names import is_plain
from target_dativo_iceberg.errors import SettingsError
from target_dativo_iceberg.names import file_prefix, namespace, table_name
from tests.readback import Tables
from tests.target.running import Target, record, schema, state

HOSTILE = (
    "../up", "../../../../tmp/up", "/etc/passwd", "%2e%2e%2fup", "..\\up", "a\0b", "~/x", "file:///etc/passwd", "s3://b/x",
    "x" * 300, "\u202egnp.exe", "a|b", "a@main", "a/b", "a#b", "$HOME", "${HOME}", "`id`", "$(id)", "a;DROP TABLE x",
    "CON", ".", "..", " ", "\n", "é\u0301", "\U0001f600", "{{x}}", "a'b", 'a"b', "<script>",
)  # fmt: skip


def outside(folder: Path) -> Iterator[Path]:
    """What lies around the warehouse and is no file of a run of the tests."""
    for path in folder.rglob("*"):
        mine = path.parent == folder and path.name.startswith(("run", "warehouse", "c.yaml"))
        if not mine and not path.is_relative_to(folder / "warehouse"):
            yield path


def test_streams_of_any_name_stay_in_the_warehouse(target: Target, tmp_path: Path) -> None:
    names = [f"{name}{number}" for number, name in enumerate(HOSTILE)]  # two that fold to one table are refused
    ended = target.run([*map(schema, names), *(record(n, name, s=name) for n, name in enumerate(names)), state(1)])
    assert ended.code == 0, ended.log
    found = target.published()
    assert len(found) == len(names)
    for table in found:
        part = table.removeprefix("default.")
        assert set(part) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")
        (row,) = Tables(target.warehouse).rows(part)
        assert row["s"] == names[row["id"]]
    assert list(outside(tmp_path)) == []
    assert not set(ended.log) & set("\0\u202e")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("domain", "../up"),
        ("domain", "a/b"),
        ("domain", "%2e%2e"),
        ("physicalName", "../up"),
        ("physicalName", "/etc/x"),
    ],
)
def test_a_contract_names_no_path(target: Target, tmp_path: Path, key: str, name: str) -> None:
    contract = {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": "c", "version": "1.0.0", "status": "active",
        "schema": [{"name": "a", "properties": [{"name": "id", "logicalType": "integer"}]}],
    }  # fmt: skip
    where = contract if key == "domain" else contract["schema"][0]  # type: ignore[index]
    where[key] = name  # type: ignore[index,call-overload]
    (tmp_path / "c.yaml").write_text(json.dumps(contract))
    ended = target.run([schema(), record(1), state(1)], contract_path=str(tmp_path / "c.yaml"))
    assert list(outside(tmp_path)) == []
    if ended.code == 0:
        (table,) = target.published()
        assert not set(table) & set("/\\\0% ")
    else:
        assert len(ended.errors) == 1
        assert target.published() == {}


def test_ids_of_a_run_are_no_paths(target: Target, tmp_path: Path) -> None:
    lines = [schema(), record(1), state(1)]
    ended = target.run(lines, run_id="../../x/y", job_id="../j", tenant_id="/t")
    assert (ended.code, len(ended.errors), target.published()) == (1, 1, {})
    ended = target.run(lines, run_id="r..", job_id="j.", tenant_id="a@b")
    assert ended.code == 0, ended.log
    assert list(outside(tmp_path)) == []


@given(st.text(max_size=400), st.text(max_size=20))
def test_any_text_becomes_a_table_name_that_is_one_folder(stream: str, prefix: str) -> None:
    name = table_name(stream, prefix)
    assert 0 < len(name) <= 200
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")
    assert set(file_prefix(stream, 1)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@given(st.text(max_size=80))
def test_any_text_is_a_plain_name_or_refused(text: str) -> None:
    with contextlib.suppress(SettingsError):
        parts = namespace(text)
        assert ".".join(parts) == text
        assert all(part and not set(part) & set("./\\%\0@ ") for part in parts)
    assert not is_plain(text) or (not set(text) & set("./\\%\0@ |") and len(text) <= 63 and "__" not in text)


COLUMNS = (
    'a"b',
    "a'; DROP TABLE a; --",
    "a.b",
    "ä ö",
    "${HOME}",
    "{{x}}",
    "a`b",
    "select",
    "a\\b",
    "%s",
    "a/b",
    "a\nb",
)


def test_columns_of_any_name_are_keys_and_filters_and_nothing_more(target: Target) -> None:
    """Keyed merge builds filters of the key's column, so its name is the one that could be injected."""
    streams = {f"s{number}": name for number, name in enumerate(COLUMNS)}
    schemas = [schema(stream, keys=(name,), **{name: {"type": "string"}}) for stream, name in streams.items()]
    for keys in (("k1", "k2"), ("k2", "' OR 1=1 --")):
        rows = [record(len(key), s, **{name: key}) for s, name in streams.items() for key in keys]
        ended = target.run([*schemas, *rows, state(1)], load_method="upsert")
        assert ended.code == 0, ended.log
    for stream, name in streams.items():
        found = sorted(row[name] for row in Tables(target.warehouse).rows(stream))
        assert found == ["' OR 1=1 --", "k1", "k2"]
