"""No document, however odd its shapes, leads to anything but contracts or a ContractError."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from target_dativo_iceberg.contract import load
from target_dativo_iceberg.contract.reading.document import plain
from target_dativo_iceberg.contract.reading.schema_lint import schema_notes
from target_dativo_iceberg.contract.reading.yaml_text import parse
from target_dativo_iceberg.errors import ContractError
from tests.contract_reading.conftest import ALL_CONTRACTS, CONTRACTS

ODD: list[Any] = [
    None, True, 0, -1, 10**30, 2.5, 1e300, "", "x", "[a", "${NOT_SET}", "${SET}", "é\U0001f600", [], {}, [None], [[]],
    [1, "x"], {"name": "a"}, [{"name": "a"}], [{}], {"a": {"b": []}}, "must", "dativo.x", "v3.0.2", "DECIMAL(99)",
]  # fmt: skip
NEW_NAMES = ["asset", "type", "team", "enum", "mustBeFun", "rule", "schema", "properties", "quality", "map"]
OUTCOME = re.compile(r".+\.yaml:[0-9]+: .+: .+|[1-9][0-9]* contracts, the smallest with [1-9][0-9]* fields")


def _broken(name: str, seed: int) -> dict[str, Any]:
    """A contract in which some parts are replaced, removed or misnamed."""
    chance = Random(seed)
    document: dict[str, Any] = plain(parse((CONTRACTS / name).read_bytes(), name))
    for _ in range(chance.randint(1, 3)):
        *above, last = chance.choice(_paths(document)[1:])
        owner: Any = document
        for key in above:
            owner = owner[key]
        change = chance.choice(["replace", "replace", "remove", "rename"])
        if change == "replace":
            owner[last] = copy.deepcopy(chance.choice(ODD))
        elif change == "remove" or isinstance(owner, list):
            del owner[last]
        else:
            owner[chance.choice(NEW_NAMES)] = owner.pop(last)
        if not document:
            break
    return document


def _paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(below for key, child in children for below in _paths(child, (*path, key)))]


@pytest.mark.parametrize("name", ALL_CONTRACTS)
def test_a_broken_contract_gives_contracts_or_an_error_with_its_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / "c.yaml"
    outcomes = set()
    for seed in range(60):
        path.write_text(yaml.safe_dump(_broken(name, seed), allow_unicode=True))
        outcome = _outcome(path)
        assert OUTCOME.fullmatch(outcome), (seed, outcome)
        outcomes.add(outcome)
    assert len(outcomes) > 5


def _outcome(path: Path) -> str:
    try:
        fields = [len(contract.fields) for contract in load(path, {"SET": "3"}).contracts]
    except ContractError as error:
        return " ".join(str(error).split())
    return f"{len(fields)} contracts, the smallest with {min(fields)} fields"


@pytest.mark.parametrize("name", ["everything.yaml", "lighthouse_30.yaml", "tide_quality.yaml"])
def test_the_schema_lint_of_a_broken_contract_names_lines(name: str) -> None:
    for seed in range(12):
        text = yaml.safe_dump(_broken(name, seed), allow_unicode=True)
        notes = schema_notes(parse(text.encode(), "c.yaml"), "c.yaml", (3, 1))
        assert all(1 <= note.line <= text.count("\n") + 1 for note in notes)


@pytest.mark.parametrize("data", [b"\x00", b"asset: 1", b"schema: 1", b"schema: [[]]", b"asset: {schema: x}"])
def test_short_garbage_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(data)
    with pytest.raises(ContractError, match=r"c\.yaml:1: "):
        load(path)
