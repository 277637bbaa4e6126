"""Table properties, policies and what else a contract says about itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import pytest

from target_dativo_iceberg.contract import ContractSet, load
from tests.contract_reading.conftest import CONTRACTS, odcs

Reader = Callable[..., ContractSet]
COLUMN = "- {name: c, logicalType: string}"


def test_an_odcs_contract_has_dativos_table_properties() -> None:
    bookings = load(CONTRACTS / "everything.yaml", {}).contracts[0]
    columns = json.loads(bookings.properties["contract.columns"])
    assert (columns["booking_id"], columns["fare"]) == ("string required key", "decimal(10,2)")
    assert {k: v for k, v in bookings.properties.items() if k != "contract.columns"} == {
        "classification.fields.passenger_email": "restricted",
        "governance.owner": "mara",
        "governance.domain": "ferries",
        "governance.data_product": "bookings",
        "governance.regulations": "GDPR,SOX",
        "governance.retention_days": "730",
        "sla.retention": "P2Y",
        "sla.retention.column": "booked_at",
        "finops.cost_center": "CC-7",
        "finops.business_tags": "ferries,summer",
        "finops.environment": "production",
        "asset.name": "ferry_bookings",
        "asset.version": "2.3.0",
        "contract.id": "5f0e7c52-6a6e-4d0a-9a55-3f1a2f6a9b10",
        "contract.version": "2.3.0",
        "contract.api-version": "v3.2.0",
        "contract.status": "active",
        "contract.sha256": hashlib.sha256((CONTRACTS / "everything.yaml").read_bytes()).hexdigest(),
    }


def test_a_retention_of_one_table_is_not_that_of_another() -> None:
    ferries = load(CONTRACTS / "everything.yaml", {}).contracts[1]
    assert "sla.retention" not in ferries.properties


def test_a_flat_contract_has_dativos_table_properties() -> None:
    (orders,) = load(CONTRACTS / "orders_flat.yaml").contracts
    expected = {
        "classification.default": "pii",
        "classification.fields.buyer_email": "pii",
        "governance.owner": "shop-data@example.invalid",
        "governance.domain": "sales",
        "governance.data_product": "shop",
        "governance.regulations": "GDPR,PCI",
        "governance.retention_days": "0",
        "finops.cost_center": "FIN-1",
        "finops.business_tags": "shop,eu",
        "finops.project": "web",
        "finops.environment": "production",
        "asset.name": "shop_orders",
        "asset.version": "1.10",
        "asset.source_type": "postgres",
        "asset.object": "orders",
    }
    assert expected.items() <= orders.properties.items()


def test_nested_classification_has_a_dotted_name() -> None:
    (calls,) = load(CONTRACTS / "harbour_nested.yaml").contracts
    assert calls.properties["classification.fields.ship.owner.address"] == "internal"


@pytest.mark.parametrize(
    ("value", "unit", "days", "duration"),
    [
        ("90", "d", "90", "P90D"),
        ("2", "weeks", "14", "P2W"),
        ("3", "m", "90", "P3M"),
        ("1", "yr", "365", "P1Y"),
        ("1.5", "days", "2", "P1.5D"),
        ("forever", "d", None, None),
        ("5", "fortnights", None, None),
    ],
)
def test_a_retention_is_days_and_a_duration(
    read: Reader, value: str, unit: str, days: str | None, duration: str | None
) -> None:
    root = f"slaProperties: [{{property: Retention, value: {value}, unit: {unit}}}]\n"
    found = read(odcs(COLUMN, root=root)).contracts[0].properties
    assert (found.get("governance.retention_days"), found.get("sla.retention")) == (days, duration)


def test_the_team_names_the_owner_else_itself(read: Reader) -> None:
    owners = [
        read(odcs(COLUMN, root=f"team: {team}\n")).contracts[0].properties.get("governance.owner")
        for team in (
            "{members: [{username: a}, {username: b, role: Owner}]}",
            "{name: crew}",
            "[{username: c, role: owner}]",
        )
    ]
    assert owners == ["b", "crew", "c"]


def test_nested_values_of_finops_become_one_text(read: Reader) -> None:
    flat = "name: a\nversion: '1'\nfinops: {split: {eu: 60, us: 40}}\nschema: [{name: c, type: date}]\n"
    assert read(flat).contracts[0].properties["finops.split"] == "eu=60,us=40"


def test_policies_come_from_document_and_object() -> None:
    bookings, ferries = load(CONTRACTS / "everything.yaml", {}).contracts
    assert bookings.policies == {"evolution": "merge", "load_method": "upsert", "coercion": "safe"}
    assert ferries.policies == {"evolution": "merge"}


def test_a_contract_knows_its_document() -> None:
    path = CONTRACTS / "everything.yaml"
    bookings, ferries = load(path, {}).contracts
    assert (bookings.name, bookings.physical_name, bookings.source) == ("bookings", "bookings_v2", str(path))
    assert bookings.description == "One row per booking."
    assert (ferries.name, ferries.status, ferries.domain, ferries.inferred) == ("ferries", "active", "ferries", False)


def test_three_versions_of_a_contract_keep_the_ids_of_their_properties() -> None:
    versions = [load(CONTRACTS / "cities" / f"v{n}.yaml").contracts[0] for n in (1, 2, 3)]
    assert [contract.version for contract in versions] == ["1.0.0", "2.0.0", "3.0.0"]
    assert [contract.status for contract in versions] == ["active", "active", ""]
    renamed = [[field.name for field in contract.fields if field.stable_id == "p-name"] for contract in versions]
    assert renamed == [["name"], ["name"], ["city_name"]]
    assert [contract.primary_key for contract in versions] == [("name",), ("name",), ("country", "city_name")]
