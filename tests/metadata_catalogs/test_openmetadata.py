"""What OpenMetadata is told, held against a server that refuses what the real one does."""

from __future__ import annotations

from dativo_ingest.jobs import from_yaml
from dativo_ingest.ready import make_ready
from tests.dativo.project import Project
from tests.dativo.test_jobs import context
from tests.metadata_catalogs.openmetadata import OpenMetadata
from tests.metadata_catalogs.pushes import (
    BOTH,
    VARIABLES,
    made,
    names,
    of_openmetadata,
    pushed,
    report,
)


def test_openmetadata_gets_the_table_its_tags_owner_and_lineage(openmetadata: OpenMetadata, project: Project) -> None:
    openmetadata.there["users"]["data"] = {"id": "id of data"}
    ready = made(project, of_openmetadata(openmetadata))
    said = pushed(ready)
    assert names(said) == BOTH
    assert said[0]["message"] == "metadata of table 'shop.orders' is pushed to dativo.acme.shop.orders"
    table = openmetadata.table("dativo.acme.shop.orders")
    about = ("tableType", "description", "owners", "retentionPeriod")
    assert [table[key] for key in about] == [
        "Iceberg",
        "Orders of the shop.",
        [{"id": "id of data", "type": "user"}],
        "P30D",
    ]
    assert [one["tagFQN"] for one in table["tags"]] == ["dativo.internal", "dativo.GDPR"]
    columns = {one["name"]: one for one in table["columns"]}
    assert {name: one["dataTypeDisplay"] for name, one in columns.items()} == {
        "id": "bigint",
        "email": "string",
        "amount": "decimal(12,2)",
        "note": "string",
        "ingest_date": "date",
    }
    assert (columns["email"]["description"], columns["email"]["constraint"]) == ("Where to write to.", "NOT_NULL")
    assert [one["tagFQN"] for one in columns["email"]["tags"]] == ["dativo.pii"]
    assert (columns["amount"]["dataType"], columns["amount"]["precision"], columns["amount"]["scale"]) == (
        "DECIMAL",
        12,
        2,
    )
    (edge,) = openmetadata.edges
    assert edge["fromEntity"]["id"] == "id of dativo_sources.acme.csv.orders"
    assert edge["toEntity"]["id"] == "id of dativo.acme.shop.orders"
    assert edge["description"] == "job acme.orders of dativo"
    assert edge["lineageDetails"]["columnsLineage"][0] == {
        "fromColumns": ["dativo_sources.acme.csv.orders.id"],
        "toColumn": "dativo.acme.shop.orders.id",
    }
    openmetadata.asked.clear()
    assert names(pushed(ready)) == names(said)
    assert openmetadata.changes() == [("PUT", "/api/v1/tables"), ("PUT", "/api/v1/tables"), ("PUT", "/api/v1/lineage")]


def test_openmetadata_is_told_every_kind_of_column(openmetadata: OpenMetadata, project: Project) -> None:
    kinds = [
        ("integer", "int"),
        ("number", "float"),
        ("boolean", None),
        ("date", None),
        ("time", None),
        ("timestamp", None),
    ]
    kinds += [("string", "uuid"), ("string", "binary"), ("object", "json")]
    odcs = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "orders",
        "name": "orders",
        "version": "1.0.0",
        "status": "active",
        "domain": "shop.eu",
        "schema": [
            {
                "name": "orders",
                "properties": [
                    {"name": "a.b", "logicalType": "integer", "primaryKey": True, "primaryKeyPosition": 1},
                    {"name": "k", "logicalType": "string", "primaryKey": True, "primaryKeyPosition": 2},
                    *(
                        {"name": f"c_{index}", "logicalType": logical}
                        | ({"physicalType": physical} if physical else {})
                        for index, (logical, physical) in enumerate(kinds)
                    ),
                    {
                        "name": "lines",
                        "logicalType": "array",
                        "items": {
                            "name": "line",
                            "logicalType": "object",
                            "properties": [{"name": "sku", "logicalType": "string", "tags": ["sensitivity:high"]}],
                        },
                    },
                    {
                        "name": "who",
                        "logicalType": "object",
                        "properties": [{"name": "name", "logicalType": "string", "classification": "restricted"}],
                    },
                ],
            }
        ],
    }
    project.write("assets/orders.yaml", odcs)
    job = project.job(catalog=of_openmetadata(openmetadata))
    ready = make_ready(from_yaml(job), context(project.folder, VARIABLES))
    assert names(pushed(ready, report("shop.eu.orders"))) == BOTH
    table = openmetadata.table('dativo.acme."shop.eu".orders')
    types = {one["name"]: one["dataType"] for one in table["columns"]}
    wanted = ["BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIME", "TIMESTAMPZ", "UUID", "BYTES", "JSON"]
    assert [types[f"c_{index}"] for index in range(len(kinds))] == wanted
    assert table["tableConstraints"] == [{"constraintType": "PRIMARY_KEY", "columns": ["a.b", "k"]}]
    columns = {one["name"]: one for one in table["columns"]}
    assert columns["lines"]["arrayDataType"] == "STRUCT"
    assert columns["lines"]["children"][0]["tags"][0]["tagFQN"] == "dativo.sensitivity_high"
    assert columns["who"]["children"][0]["tags"][0]["tagFQN"] == "dativo.restricted"
    assert columns["who"]["dataTypeDisplay"] == "struct<name:string>"
    assert types["ingest_date"] == "DATE"
    read = [pair["toColumn"] for pair in openmetadata.edges[0]["lineageDetails"]["columnsLineage"]]
    assert read[0] == 'dativo.acme."shop.eu".orders."a.b"'
    assert not [one for one in read if "ingest_date" in one]


def test_openmetadata_by_the_names_that_the_job_gives(openmetadata: OpenMetadata, project: Project) -> None:
    catalog = of_openmetadata(
        openmetadata,
        database="sales",
        table_name="all_orders",
        connection={"service": "lake", "classification": "Words", "sources": {"orders": "pg.crm.public.orders"}},
    )
    overrides = {"default": "Public", "note": "secret-note"}
    ready = made(project, catalog, classification_overrides=overrides, governance_overrides={"owner": "The Team"})
    openmetadata.there["teams"]["The Team"] = {"id": "id of team"}
    said = pushed(ready)
    # Nobody has put the source there, which is no matter of the table's metadata.
    assert names(said) == ["catalog_metadata_pushed", "catalog_push_failed"]
    assert "the catalog has no table 'pg.crm.public.orders'" in said[1]["message"]
    table = openmetadata.table("lake.sales.shop.all_orders")
    assert table["owners"] == [{"id": "id of team", "type": "team"}]
    assert [one["tagFQN"] for one in table["tags"]] == ["Words.public", "Words.GDPR"]
    assert table["columns"][3]["tags"][0]["tagFQN"] == "Words.secret-note"
    openmetadata.there["tables"]["pg.crm.public.orders"] = {"id": "id of the source", "columns": []}
    assert names(pushed(ready)) == BOTH
    (edge,) = openmetadata.edges
    assert (edge["fromEntity"]["id"], "lineageDetails" in edge) == ("id of the source", False)
