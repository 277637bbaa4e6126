"""Contracts, job files and names as nobody would write them, and what must hold whatever they are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from dativo_ingest.errors import ConfigError
from dativo_ingest.jobs import from_yaml
from dativo_ingest.names import is_plain
from target_dativo_iceberg.contract import load
from target_dativo_iceberg.errors import ContractError, SettingsError
from target_dativo_iceberg.names import namespace, table_name

_WORDS = st.sampled_from(
    [
        "apiVersion", "kind", "id", "version", "status", "schema", "name", "properties", "logicalType", "physicalType",
        "required", "primaryKey", "quality", "asset", "type", "items", "logicalTypeOptions", "pattern", "unique",
        "enum", "customProperties", "partitioned", "rule", "mustBe", "query", "engine", "team", "domain", "tenant_id",
        "source", "target", "source_connector_path", "asset_path", "schedule", "incremental",
    ]
)  # fmt: skip
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6),
    st.sampled_from(["v3.1.0", "v9", "DataContract", "string", "[", "../x"]),
    st.sampled_from([ "integer", "1.0.0", "${X}", "${X:-y}", "2026-02-30"]),
)  # fmt: skip
_TREES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=5), max_leaves=12
)
_HEAD: dict[str, Any] = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "c",
    "version": "1.0.0",
    "status": "active",
}
_COLUMNS = st.lists(st.dictionaries(_WORDS, _TREES, max_size=4).map(lambda more: {"name": "a"} | more), max_size=3)
CONTRACTS = st.one_of(
    st.dictionaries(_WORDS, _TREES, max_size=6).map(lambda more: _HEAD | more),
    _COLUMNS.map(lambda columns: _HEAD | {"schema": [{"name": "s", "properties": columns}]}),
    _COLUMNS.map(
        lambda columns: {"name": "s", "version": "1.0", "source_type": "csv", "object": "s", "schema": columns}
    ),
    _TREES,
).map(lambda tree: json.dumps(tree).encode())
_PARTS = ["a", ":", " ", "\n", "- ", "&x ", "*x", "{", "[", "'", "|", "!!int ", "<<", "? ", "#", "\t", "%", "---", "é"]
YAML = st.one_of(
    CONTRACTS,
    st.binary(max_size=80),
    st.lists(st.sampled_from(_PARTS), max_size=25).map(lambda parts: "".join(parts).encode()),
)
_PLACE = re.compile(r"f\.yaml:[1-9]\d*: ")


def check_contract(folder: Path, data: bytes) -> None:
    """Read a document as a contract: contracts, or an error that names file and line."""
    (folder / "f.yaml").write_bytes(data)
    told = "f.yaml:1: "
    try:
        load(folder / "f.yaml", {"X": "x"})
    except ContractError as error:
        told = str(error)
    assert _PLACE.search(told), told


def check_job(folder: Path, data: bytes) -> None:
    """Read a document as a job: it is never complete, so there is an error that names the file."""
    (folder / "f.yaml").write_bytes(data)
    with pytest.raises(ConfigError, match=r"f\.yaml"):
        from_yaml(folder / "f.yaml")


def check_name(text: str) -> None:
    """Make names of a text: what comes out is one plain part of a path, or it is refused."""
    assert re.fullmatch(r"[a-z0-9_]{1,200}", table_name(text))
    assert not is_plain(text) or re.fullmatch(r"[a-z0-9_-]{1,63}", text)
    try:
        parts = namespace(text)
    except SettingsError:
        return
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,200}", part) for part in parts)
