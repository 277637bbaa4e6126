"""What a source becomes: settings, selection, replication; and what is refused, with which hint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tap_adapters.errors import SourceError
from tap_adapters.extractor import Companion, Extractor, Setting
from tap_adapters.source import Incremental, Source
from tap_adapters.sources import ENGINES, RECIPES, adapt

FOLDER = Path("/jobs")
DB = {"host": "db", "database": "shop", "user": "reader"}
SECRET = "s3cr3t-value"
MINIMAL: dict[str, dict[str, Any]] = {
    "csv": {"files": ({"path": "in/orders.csv"},)},
    "markdown_kv": {"files": ({"path": "docs", "object": "docs"},)},
    "google_sheets": {
        "sheets": ({"spreadsheet_id": "s1", "object": "people"},),
        "credentials": {"private_key": SECRET, "client_email": "a@b"},
    },
    "gdrive_csv": {"files": ({"id": "f1", "object": "orders"},), "credentials": {"private_key": SECRET}},
    "postgres": {"connection": DB, "credentials": {"password": SECRET}, "tables": ({"name": "public.orders"},)},
    "mysql": {"connection": DB, "credentials": {"password": SECRET}, "tables": ({"name": "orders"},)},
    "stripe": {"objects": ("customers",), "credentials": {"api_key": SECRET}},
    "hubspot": {"objects": ("contacts",), "credentials": {"api_key": SECRET}},
}


def made(kind: str, engine: str = "native", **more: Any) -> Extractor:
    return adapt(Source(kind, engine, FOLDER, **{**MINIMAL.get(kind, {}), **more}))


def refused(kind: str, engine: str = "native", **more: Any) -> str:
    with pytest.raises(SourceError) as caught:
        made(kind, engine, **more)
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", RECIPES)
def test_every_type_renders_a_plugin_that_meltano_can_declare(kind: str) -> None:
    for engine in ("native", "singer", "meltano"):
        found = made(kind, engine)
        declared = {setting.name: setting for setting in found.settings}
        assert found.config.keys() <= declared.keys()
        assert len(declared) == len(found.settings)
        assert found.select
        assert set(found.metadata) == set(found.streams)
        assert SECRET not in repr(found)
        holding = [name for name, value in found.config.items() if SECRET in json.dumps(value)]
        assert all(declared[name].secret for name in holding)
        assert bool(holding) == bool(MINIMAL[kind].get("credentials"))


@pytest.mark.parametrize("kind", RECIPES)
def test_what_is_read_as_a_whole_gets_no_state(kind: str) -> None:
    assert "state" not in made(kind).capabilities
    assert "state" not in made(kind, incremental=Incremental("full_refresh")).capabilities
    found = made(
        kind, incremental=Incremental("incremental", None if kind not in ("postgres", "mysql") else "updated_at")
    )
    assert "state" in found.capabilities
    assert {one["replication-method"] for one in found.metadata.values()} == {"INCREMENTAL"}


@pytest.mark.parametrize("engine", ["jdbc", "spark"])
def test_engines_without_taps_are_refused_with_a_hint(engine: str) -> None:
    assert "use one of native, singer, meltano" in refused("postgres", engine)


def test_names_that_are_not_known_come_back_with_the_nearest() -> None:
    assert "did you mean 'stripe'?" in refused("strip")
    assert "did you mean 'singer'?" in refused("stripe", "singr")
    assert "source.objects: object of stripe 'customer'" in refused("stripe", objects=("customer",))
    assert "did you mean 'customers'?" in refused("stripe", objects=("customer",))
    assert "did you mean 'host'?" in refused("postgres", connection={**DB, "hots": "x"})
    assert "did you mean 'cursor_field'?" in refused("mysql", tables=({"name": "a.b", "cursor": "x"},))
    assert "source.files[0]: key 'delimitr' is not known" in refused("csv", files=({"path": "a", "delimitr": ";"},))
    assert "did you mean 'date_window_size'?" in refused("stripe", options={"settings": {"date_window_siz": 1}})
    assert "did you mean 'start_date'?" in refused("stripe", options={"start_dat": "2024-01-01"})


@pytest.mark.parametrize(
    ("kind", "strategy", "says"),
    [
        ("postgres", "file_modified_time", "cannot be read by strategy 'file_modified_time'"),
        ("csv", "updated_at", "cannot be read by strategy 'updated_at'"),
        ("postgres", "updated", "did you mean 'updated_a"),
        ("postgres", "cdc", "before they are published"),
        ("stripe", "cdc", "cannot be read by strategy 'cdc'"),
        ("postgres", "updated_at", "needs a cursor"),
    ],
)
def test_strategies_that_a_source_cannot_do_are_refused(kind: str, strategy: str, says: str) -> None:
    assert says in refused(kind, incremental=Incremental(strategy))


def test_a_cursor_that_the_api_does_not_have_is_refused() -> None:
    assert "the tap reads by created" in refused("stripe", incremental=Incremental("created", "updated"))
    assert made("hubspot", incremental=Incremental("updated_after", "updatedAt")).metadata["contacts"] == {
        "replication-method": "INCREMENTAL",
        "replication-key": "lastmodifieddate",
    }


def test_postgres_tables_become_streams_with_columns_and_keys() -> None:
    found = made(
        "postgres",
        tables=({"name": "sales.orders", "object": "order"}, {"name": "people", "cursor_field": "changed"}),
        columns={"order": ("id", "total")},
        incremental=Incremental("updated_at", "updated_at", 1),
        connection={**DB, "port": 5433, "sslmode": "require", "ssl_ca": "/ca.pem"},
        options={"tap": "tap-postgres", "tap_config": {"replication_method": "INCREMENTAL", "publication": "p"}},
    )
    assert found.package == "meltanolabs-tap-postgres==0.10.0"
    assert found.streams == {"sales-orders": "order", "public-people": "people"}
    assert found.select == ("sales-orders.updated_at", "sales-orders.id", "sales-orders.total", "public-people.*")
    assert found.metadata == {
        "sales-orders": {"replication-method": "INCREMENTAL", "replication-key": "updated_at"},
        "public-people": {"replication-method": "INCREMENTAL", "replication-key": "changed"},
    }
    assert found.config == {
        **DB,
        "port": 5433,
        "password": SECRET,
        "filter_schemas": ["public", "sales"],
        "ssl_enable": True,
        "ssl_mode": "require",
        "ssl_certificate_authority": "/ca.pem",
    }


def test_a_mysql_server_is_read_whole_in_utf_8() -> None:
    found = made("mysql", incremental=Incremental("cdc"), options={"tap_config": {"server_id": 7}})
    assert found.streams == {"shop-orders": "orders"}
    assert found.metadata == {"shop-orders": {"replication-method": "LOG_BASED"}}
    assert found.config["filter_dbs"] == "shop"
    assert found.config["session_sqls"][-1] == "SET NAMES utf8mb4"
    assert found.config["server_id"] == 7
    assert "ssl" not in found.config
    assert "ssl_ca, ssl_cert and ssl_key" in refused("mysql", connection={**DB, "ssl_ca": "ca.pem"})
    assert made("mysql", credentials={}).config["password"] == ""
    assert "'user' is missing" in refused("mysql", connection={"host": "db", "database": "shop"})


def test_databases_need_tables_and_each_an_object_of_its_own() -> None:
    assert "needs tables" in refused("postgres", tables=())
    assert "is that of source.tables[0] too" in refused("postgres", tables=({"name": "a.t"}, {"name": "b.t"}))
    assert "a table needs a name" in refused("mysql", connection={"host": "h", "user": "u"}, tables=({"name": "t"},))


def test_stripe_objects_keep_their_keys_cursor_and_nested_members() -> None:
    found = made(
        "stripe", columns={"customers": ("id", "email", "address")}, incremental=Incremental("created", "created", 1)
    )
    assert found.select == tuple(
        f"customers.{column}{rest}"
        for column in ("id", "created", "updated", "email", "address")
        for rest in ("", ".*")
    )
    assert found.config == {"account_id": "", "client_secret": SECRET, "start_date": "2011-01-01T00:00:00Z"}
    given = {
        "start_date_default": "2024-01-01",
        "account_id": "acct_1",
        "streams_default": ["charges"],
        "docker_image": "x",
    }
    other = made("stripe", objects=(), options=given)
    assert (other.config["start_date"], other.config["account_id"]) == ("2024-01-01", "acct_1")
    assert other.select == ("charges.*",)


def test_hubspot_columns_are_taken_out_of_the_properties() -> None:
    found = made("hubspot", columns={"contacts": ("id", "email", "updatedAt")}, objects=("contacts", "owners"))
    assert found.config["stream_maps"] == {"contacts": {"email": "properties.get('email')", "properties": None}}
    assert "contacts.properties.*" in found.select
    assert "contacts.lastmodifieddate" in found.select
    assert found.select[-1] == "owners.*"
    assert found.config["access_token"] == SECRET
    own = {"settings": {"stream_maps": {"contacts": {}}}}
    assert "stream maps of your own" in refused("hubspot", columns={"contacts": ("email",)}, options=own)
    oauth = made("hubspot", credentials={"client_id": "c", "client_secret": SECRET, "refresh_token": "r"})
    assert oauth.config == {"client_id": "c", "client_secret": SECRET, "refresh_token": "r"}
    custom = made("hubspot", objects=("boats",), options={"settings": {"custom_object_types": ["boats"]}})
    assert custom.streams == {"boats": "boats"}


def test_csv_files_are_found_below_the_folder_and_named_as_written() -> None:
    found = made(
        "csv",
        files=(
            {"path": "in/o.csv", "object": "orders", "id": "file_1", "keys": ["id"]},
            {"path": "in/more", "object": "more"},
        ),
        options={"delimiter": ";", "quote_char": "'", "chunk_size": 5},
        columns={"orders": ("id", "total")},
        incremental=Incremental("file_modified_time"),
    )
    assert found.package is None
    assert found.config["files"] == [
        {"entity": "orders", "path": "/jobs/in/o.csv", "delimiter": ";", "quotechar": "'", "keys": ["id"]},
        {"entity": "more", "path": "/jobs/in/more", "delimiter": ";", "quotechar": "'"},
    ]
    assert found.select == ("orders.id", "orders.total", "more.*")
    state = {
        "bookmarks": {
            "orders": {"files": {"/jobs/in/o.csv": {"last_modified": "2024-01-01"}}},
            "more": {"files": {"/jobs/in/more/x.csv": {"last_modified": "2024-02-01"}}},
        }
    }
    entries = {"file_file_1": {"last_modified": "2024-01-01"}, "file_in/more/x.csv": {"last_modified": "2024-02-01"}}
    assert found.cursors.entries(state, "now") == entries
    assert found.cursors.imported(entries) == state


def test_a_csv_object_takes_the_name_of_the_job_or_the_file() -> None:
    assert made("csv").streams == {"orders": "orders"}
    assert made("csv", objects=("sales",)).streams == {"sales": "sales"}
    assert "an entry needs an object" in refused("csv", files=({"path": "in/*.csv"},))


def test_markdown_in_both_shapes_is_two_streams() -> None:
    found = made("markdown_kv", options={"pattern": "hybrid", "doc_id_from": "path"}, columns={"docs": ("title",)})
    assert found.streams == {"docs": "docs", "docs_kv": "docs_kv"}
    assert found.select == ("docs.doc_id", "docs.title", "docs_kv.*")
    assert found.config == {
        "pattern": "hybrid",
        "doc_id_from": "path",
        "files": [{"entity": "docs", "path": "/jobs/docs"}],
    }
    assert "did you mean 'row_per_kv'?" in refused("markdown_kv", options={"pattern": "row_per_k"})


def test_google_sources_take_a_service_account_in_any_form() -> None:
    found = made("google_sheets", sheets=({"id": "s1", "sheet": "People", "range": "A1:Z9", "has_header": False},))
    assert json.loads(found.config["credentials_json"]) == MINIMAL["google_sheets"]["credentials"]
    assert found.config["sheets"] == [
        {"spreadsheet_id": "s1", "object": "People", "sheet": "People", "range": "A1:Z9", "has_header": False}
    ]
    path = made("gdrive_csv", credentials={"credentials_path": "sa.json", "subject": "me@x"})
    assert path.config["credentials_path"] == "/jobs/sa.json"
    assert path.config["subject"] == "me@x"
    assert path.config["files"] == [{"entity": "orders", "file_id": "f1"}]
    assert "a service account is missing" in refused("gdrive_csv", credentials={})
    assert "one of id, folder_id and query" in refused("gdrive_csv", files=({"object": "x"},))


def test_files_of_a_drive_folder_are_named_by_id() -> None:
    found = made("gdrive_csv", files=({"folder_id": "d1", "object": "a"},))
    entries = {"file_f9": {"last_modified": "2024-01-01"}}
    assert found.cursors.imported(entries) == {"bookmarks": {"a": {"files": {"f9": {"last_modified": "2024-01-01"}}}}}


def test_the_airbyte_engine_runs_any_source_by_its_package() -> None:
    found = adapt(
        Source(
            "stripe",
            "airbyte",
            FOLDER,
            options={"docker_image": "airbyte/source-stripe:1", "start_date_default": "2024-01-01"},
            credentials={"api_key": SECRET, "account_id": "acct_1"},
            objects=("customers",),
            columns={"customers": ("id", "email")},
            incremental=Incremental("created", "created"),
        )
    )
    assert found.executable == "tap-airbyte"
    assert found.companion == Companion("airbyte-source-stripe==5.14.1", "source-stripe", "source")
    assert found.package is None
    assert found.config == {
        "package": "airbyte-source-stripe==5.14.1",
        "config": {"client_secret": SECRET, "account_id": "acct_1", "start_date": "2024-01-01"},
    }
    assert Setting("config", "object", secret=True) in found.settings
    assert found.metadata == {"customers": {"replication-method": "INCREMENTAL", "replication-key": "created"}}
    assert "customers.email" in found.select
    image = {"docker_image": "airbyte/source-zendesk-support:4.1", "config": {"subdomain": "x"}}
    other = adapt(Source("zendesk", "airbyte", FOLDER, options=image, credentials={"token": SECRET}))
    assert other.config == {"package": "airbyte-source-zendesk-support", "config": {"token": SECRET, "subdomain": "x"}}
    assert other.select == ("*.*",)
    assert "which Airbyte source" in refused("zendesk", "airbyte")
    assert "set `source` to the executable" in refused("zendesk", "airbyte", options={"package": "../here"})
    assert made("zendesk", "airbyte", options={"source": "/opt/source-zendesk"}).companion is None


def test_a_tap_can_be_taken_from_elsewhere() -> None:
    assert made("stripe", options={"package": "tap-stripe==9"}).package == "tap-stripe==9"
    found = made("stripe", options={"executable": "/opt/tap-stripe"})
    assert (found.package, found.executable) == (None, "/opt/tap-stripe")
    assert "option 'package' is not known" in refused("csv", options={"package": "tap-csv"})


def test_every_engine_of_the_registry_is_known() -> None:
    assert set(ENGINES) == {"native", "singer", "meltano", "airbyte", "jdbc", "spark"}
