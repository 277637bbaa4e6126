"""Keys of a contract: which rows repeat them, and what is said of these rows."""

from __future__ import annotations

from pathlib import Path

from target_dativo_iceberg.contract.model import Field, Kind, Type
from target_dativo_iceberg.contract.rules.uniqueness import Uniqueness
from tests.quality.conftest import contract, rows

FIELDS = (
    Field("id", Type(Kind.INTEGER), required=True, unique=True),
    Field("name", Type(Kind.STRING)),
    Field("place", Type(Kind.STRUCT, fields=(Field("zip", Type(Kind.STRING), unique=True),))),
)


def test_each_key_names_its_rows_rule_and_path(scratch: Path) -> None:
    of = contract(fields=FIELDS, primary_key=("id", "name"))
    unique = Uniqueness(of, 1 << 20, scratch)
    assert tuple(columns for columns, _ in unique.keys) == (("id", "name"), ("id",), ("place.zip",))
    assert unique.repeats(rows([{"id": 1, "name": "canary", "place": {"zip": "z"}}], of)) == []
    later = rows([{"id": 1, "name": "canary"}, {"id": 1, "name": "b"}, {"id": 2, "place": {"zip": "z"}}], of)
    by_rule = {found.violation.rule: found for found in unique.repeats(later)}
    assert {rule: found.rows.to_pylist() for rule, found in by_rule.items()} == {
        "orders.primaryKey": [True, False, False],
        "orders.id.unique": [True, True, False],
        "orders.place.zip.unique": [False, False, True],
    }
    assert [found.violation.path for found in by_rule.values()] == ["$", "$.id", "$.place.zip"]
    assert {found.violation.klass for found in by_rule.values()} == {"duplicate_key"}
    assert "canary" not in repr([found.violation for found in by_rule.values()])


def test_a_contract_without_keys_has_nothing_to_watch(scratch: Path) -> None:
    assert not Uniqueness(contract(), 1 << 20, scratch)
    assert not Uniqueness(contract(primary_key=("id",), keys_repeat=True), 1 << 20, scratch)
    assert Uniqueness(contract(primary_key=("id",)), 1 << 20, scratch)
