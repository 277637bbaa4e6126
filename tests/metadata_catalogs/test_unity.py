"""What Unity Catalog is told."""

from __future__ import annotations

from tests.dativo.project import Project
from tests.metadata_catalogs.pushes import BOTH, made, names, of_unity, pushed
from tests.metadata_catalogs.unity import Unity


def test_unity_gets_tags_of_tables_and_columns_and_lineage(unity: Unity, project: Project) -> None:
    unity.tables["main.shop.orders"] = ["id", "email", "amount", "note"]
    unity.tags["tables", "main.shop.orders"] = {"of_others": "stays", "classification_default": "public"}
    ready = made(project, of_unity(unity))
    said = pushed(ready)
    assert names(said) == BOTH
    tags = unity.tags["tables", "main.shop.orders"]
    assert {
        "of_others": "stays",
        "classification_default": "internal",
        "governance_owner": "data@example.com",
        "governance_regulations": "GDPR",
        "asset_source_type": "csv",
    }.items() <= tags.items()
    assert unity.tags["columns", "main.shop.orders.email"] == {"classification": "pii"}
    assert ("columns", "main.shop.orders.note") not in unity.tags
    source = "dativo.acme.csv.orders"
    assert unity.outside[source]["columns"] == ["id", "email", "amount", "note"]
    edge = unity.edges[source, "main.shop.orders"]
    assert edge["columns"][1] == {"source": "email", "target": "email"}
    unity.asked.clear()
    assert names(pushed(ready)) == names(said)
    assert [path for method, path in unity.changes()] == [
        "/api/2.0/lineage-tracking/external-metadata",
        "/api/2.0/lineage-tracking/external-lineage",
    ]


def test_unity_describes_only_what_it_has(unity: Unity, project: Project) -> None:
    said = pushed(made(project, of_unity(unity, database="other", push_lineage=False)))
    assert names(said) == ["catalog_push_failed"]
    assert "Unity Catalog has no table 'main.other.orders': check catalog.database" in said[0]["message"]
