"""Contracts as text, read from real files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import indent

import pytest

from target_dativo_iceberg.contract import Contract, ContractSet, Field, load
from target_dativo_iceberg.errors import ContractError

CONTRACTS = Path(__file__).parent / "contracts"
ALL_CONTRACTS = sorted(path.relative_to(CONTRACTS).as_posix() for path in CONTRACTS.rglob("*.yaml"))

Reader = Callable[..., ContractSet]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Write a text to contract.yaml and load it; variables come from the keywords."""

    def reader(text: str, name: str = "contract.yaml", **environ: str) -> ContractSet:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return load(path, environ)

    return reader


@pytest.fixture
def one(read: Reader) -> Callable[..., Contract]:
    """The only contract of an ODCS document with these properties."""
    return lambda properties, **parts: read(odcs(properties, **parts)).contracts[0]


@pytest.fixture
def field(one: Callable[..., Contract]) -> Callable[..., Field]:
    """The only field of an ODCS document, from the keys of its property in one-line YAML."""
    return lambda keys, **parts: one(f"- {{name: c, {keys}}}", **parts).fields[0]


@pytest.fixture
def refusal(read: Reader) -> Callable[..., str]:
    """The error of a document, without the folder it is in."""

    def refused(text: str, **environ: str) -> str:
        with pytest.raises(ContractError) as raised:
            read(text, **environ)
        return str(raised.value).partition("contract.yaml:")[2]

    return refused


def odcs(properties: str, *, version: str = "v3.2.0", root: str = "", table: str = "") -> str:
    """An ODCS document of one object `t`; its properties start on line 9 when `root` and `table` are empty."""
    head = f"apiVersion: {version}\nkind: DataContract\nid: i\nname: n\nversion: 1.0.0\n{root}schema:\n  - name: t\n"
    return head + indent(table, "    ") + "    properties:\n" + indent(properties, "      ") + "\n"


def spelled(field: Field) -> str:
    """The type of a field as one would say it."""
    return _spelled(field)


def _spelled(field: Field) -> str:
    type_, kind = field.type, field.type.kind.value
    zone = type_.naive_zone or "refused"
    formats = f"({', '.join(type_.formats)})" if type_.formats else ""
    members = ", ".join(f"{member.name}: {_member(member)}" for member in type_.fields)
    item = _member(type_.item) if type_.item else ""
    key = _spelled(Field("key", type_.key)) if type_.key else ""
    return {
        "integer": {32: "int", 64: "long"}[type_.bits],
        "decimal": f"decimal({type_.precision},{type_.scale})",
        "binary": f"binary({type_.encoding})",
        "fixed": f"fixed[{type_.length}]({type_.encoding})",
        "date": f"date{formats}",
        "timestamp": f"timestamp to={zone} {formats}".strip(),
        "timestamptz": f"timestamptz naive={zone} {formats}".strip(),
        "struct": f"struct<{members}>",
        "list": f"list<{item}>",
        "map": f"map<{key}, {item}>",
    }.get(kind, kind)


def _member(field: Field) -> str:
    return _spelled(field) + (" required" if field.required else "")
