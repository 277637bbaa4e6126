"""What Glue is told, and what it keeps."""

from __future__ import annotations

import sys

import pytest

from tests.dativo.project import Project
from tests.metadata_catalogs.glue import Glue
from tests.metadata_catalogs.pushes import BOTH, made, names, of_glue, pushed


def test_glue_gets_a_table_with_columns_parameters_owner_and_source(glue: Glue, project: Project) -> None:
    ready = made(project, of_glue(glue))
    assert names(pushed(ready)) == BOTH
    table = glue.tables["acme_shop", "orders"]
    assert (table["TableType"], table["Owner"], table["Description"]) == (
        "EXTERNAL_TABLE",
        "data@example.com",
        "Orders of the shop.",
    )
    assert table["StorageDescriptor"]["Columns"] == [
        {"Name": "id", "Type": "bigint"},
        {
            "Name": "email",
            "Type": "string",
            "Comment": "Where to write to.",
            "Parameters": {"classification": "pii"},
        },
        {"Name": "amount", "Type": "decimal(12,2)"},
        {"Name": "note", "Type": "string"},
        {"Name": "ingest_date", "Type": "date", "Comment": "UTC date of the run that wrote the row."},
    ]
    wanted = {
        "classification.default": "internal",
        "classification.fields.email": "pii",
        "governance.owner": "data@example.com",
        "governance.retention_days": "30",
        "dativo.tenant": "acme",
        "dativo.job": "acme.orders",
        "dativo.last_run_id": "run-1",
        "dativo.last_run_rows": "3",
        "dativo.source_type": "csv",
        "dativo.source_object": "orders",
    }
    assert wanted.items() <= table["Parameters"].items()


def test_glue_tables_that_others_write_keep_what_is_theirs(glue: Glue, project: Project) -> None:
    theirs = {"table_type": "ICEBERG", "metadata_location": "s3://0"}
    columns = [
        {"Name": "id", "Type": "int"},
        {"Name": "email", "Type": "string", "Parameters": {"iceberg.field.id": "2"}},
    ]
    storage = {"Location": "s3://lake/orders", "Columns": columns}
    glue.put("lake", {"Name": "orders", "Parameters": theirs, "StorageDescriptor": storage, "Retention": 7})
    # A commit comes between what is read and what is written, twice.
    glue.moved = 2
    ready = made(project, of_glue(glue, database="lake", push_lineage=False))
    assert names(pushed(ready)) == ["catalog_metadata_pushed"]
    table = glue.tables["lake", "orders"]
    assert (table["Parameters"]["metadata_location"], table["Parameters"]["table_type"]) == ("s3://0", "ICEBERG")
    assert (table["Retention"], table["StorageDescriptor"]["Location"]) == (7, "s3://lake/orders")
    assert table["StorageDescriptor"]["Columns"] == [
        {"Name": "id", "Type": "int"},
        {
            "Name": "email",
            "Type": "string",
            "Comment": "Where to write to.",
            "Parameters": {"iceberg.field.id": "2", "classification": "pii"},
        },
    ]
    glue.moved = 3
    said = pushed(ready)
    assert names(said) == ["catalog_push_failed"]
    assert "table 'lake.orders' of Glue changes all the time" in said[0]["message"]
    assert glue.tables["lake", "orders"]["Parameters"]["metadata_location"] == "s3://0"


def test_glue_that_does_not_let_us_in_or_has_no_package(
    glue: Glue, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = of_glue(glue)
    catalog["connection"]["aws_access_key_id"] = "AKIAOTHER"
    (said,) = pushed(made(project, catalog))
    assert "Glue cannot be signed in to (UnrecognizedClientException)" in said["message"]
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    (said,) = pushed(made(project, catalog))
    assert said["message"].endswith("needs the package botocore: pip install 'target-dativo-iceberg[aws]'")
