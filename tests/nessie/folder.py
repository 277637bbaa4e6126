"""Twelve jobs of three tenants over eight sources: their servers, their files, and what each source holds now."""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.dativo.project import ASSET, Project
from tests.google.documents import SPREADSHEET, Doc, Sheet
from tests.google.server import Google
from tests.nessie.jobs import TARGET
from tests.nessie.loopback import serving
from tests.sources import hubspot_api, mariadb, postgresql, stripe_api
from tests.sources.hubspot_api import HubspotApi, contact
from tests.sources.routed import routed
from tests.sources.stripe_api import StripeApi, customer
from tests.sources.venvs import tap_venv

NAMESPACE = "shop"
UPSERT = {"settings": {"load_method": "upsert"}}
"""Cursors read the rows at the cursor again: by their keys they are the same rows."""
BOOK = [["team", "planned"], ["north", 10], ["south", 20]]
Row = tuple[Any, ...]


@dataclass
class Folder:
    """The project of all jobs, and their sources."""

    project: Project
    postgres: postgresql.PostgreSql
    mysql: mariadb.MariaDb
    stripe: StripeApi
    hubspot: HubspotApi
    drive: Google
    sheets: Google
    began: int = field(default_factory=lambda: int(time.time()))

    @property
    def jobs(self) -> Path:
        return self.project.folder / "jobs"

    @property
    def secrets(self) -> Path:
        return self.project.folder / "secrets"

    def canaries(self) -> dict[str, list[str]]:
        """Secrets by tenant."""
        keys = [json.loads(server.account())["private_key"].splitlines()[1] for server in (self.drive, self.sheets)]
        return {
            "acme": [postgresql.PASSWORD, stripe_api.KEY],
            "globex": [mariadb.PASSWORD, hubspot_api.TOKEN],
            "initech": keys,
        }

    def csv(self, name: str, *rows: tuple[int, str]) -> None:
        """Write a file of orders that was not written just now, so the tap remembers it by its time alone."""
        lines = ["id,who,at", *(f"{number},{who},2026-01-01" for number, who in rows)]
        self.settle(self.project.write(f"data/{name}", "\n".join(lines) + "\n"), len(rows))

    def settle(self, path: Path, version: int) -> None:
        os.utime(path, (1_700_000_000 + version, 1_700_000_000 + version))

    def note(self, tenant: str, name: str, color: str) -> None:
        self.settle(self.project.write(f"data/{tenant}/{name}.mdkv", f"---\nid: {name}\n---\n\ncolor:: {color}\n"), 1)

    def held(self) -> dict[str, dict[str, list[Row]]]:
        """What the sources hold that belongs into the tables, by tenant and table."""
        accounts = [(int(i), name) for i, name in self.postgres.sql("SELECT id, name FROM accounts ORDER BY id")]
        shipments = [(int(i), carrier) for i, carrier in self.mysql.sql("SELECT id, carrier FROM shipments ORDER BY 1")]
        (invoices,) = self.drive.docs.values()
        (book,) = self.sheets.docs.values()
        return {
            "acme": {
                "accounts": accounts,
                "customers": sorted((one["id"], one["email"]) for one in self.stripe.customers),
                "notes": self._notes("acme"),
                "orders": self._orders("acme/*.csv"),
            },
            "globex": {
                "contacts": sorted((one["id"], one["properties"]["email"]) for one in self.hubspot.contacts),
                "orders": self._orders("globex/*.csv"),
                "shipments": shipments,
            },
            "initech": {
                "budget": [tuple(row) for row in book.sheets[0].cells[1:]],
                "invoices": [(row[0], int(row[1])) for row in csv.reader(invoices.content.decode().splitlines()[1:])],
                "notes": self._notes("initech"),
                "orders": self._orders("initech/*.csv"),
            },
        }

    def _orders(self, pattern: str) -> list[Row]:
        """Orders that the contract takes: those that say who."""
        texts = [path.read_text() for path in (self.project.folder / "data").glob(pattern)]
        found = [row for text in texts for row in csv.DictReader(text.splitlines())]
        return sorted((int(row["id"]), row["who"]) for row in found if row["who"])

    def _notes(self, tenant: str) -> list[Row]:
        files = (self.project.folder / "data" / tenant).glob("*.mdkv")
        return sorted((path.stem, path.read_text()) for path in files)


COLUMNS = {
    "accounts": ("id", "name"),
    "budget": ("team", "planned"),
    "contacts": ("id", "email"),
    "customers": ("id", "email"),
    "invoices": ("invoice_id", "amount"),
    "notes": ("doc_id", "markdown_kv_content"),
    "orders": ("id", "who"),
    "shipments": ("id", "carrier"),
}
"""The columns that are compared, in the order of the rows of `Folder.held`."""
_INTEGERS = {("accounts", "id"), ("budget", "planned"), ("invoices", "amount"), ("shipments", "id")}


@contextmanager
def folder(project: Project) -> Iterator[Folder]:
    """Start the servers and write assets, secrets and jobs."""
    with ExitStack() as running:
        made = Folder(
            project,
            running.enter_context(postgresql.postgresql()),
            running.enter_context(mariadb.mariadb()),
            StripeApi(),
            HubspotApi(limited=1),
            Google(),
            Google(),
        )
        for server in (made.drive, made.sheets):
            running.callback(server.stop)
        stripe, hubspot = (running.enter_context(serving(api.answer)).uri for api in (made.stripe, made.hubspot))
        _fill(made)
        _write_assets(project)
        _write_secrets(made)
        _write_jobs(made, stripe, hubspot)
        yield made


def _fill(made: Folder) -> None:
    made.postgres.sql(
        "CREATE TABLE accounts (id int PRIMARY KEY, name text, updated_at timestamptz NOT NULL)",
        "INSERT INTO accounts VALUES (1, 'Zoë', '2024-05-01'), (2, 'Ada', '2024-05-02'), (3, 'Lin', '2024-05-03')",
    )
    made.mysql.sql(
        "CREATE TABLE shipments (id int PRIMARY KEY, carrier varchar(80), updated_at datetime NOT NULL)",
        "INSERT INTO shipments VALUES (1, 'sea', '2024-05-01'), (2, 'air', '2024-05-02')",
    )
    made.stripe.customers += [customer(number, made.began - 100_000 + number) for number in range(5)]
    made.hubspot.contacts += [contact(number, f"2024-05-0{number}T10:00:00.000Z") for number in range(1, 5)]
    made.drive.add(Doc("inv1", "invoices.csv", b"invoice_id,amount\nA-1,100\nA-2,200\n"))
    made.sheets.add(Doc("book", "Book", mime=SPREADSHEET, sheets=[Sheet("Budget", [list(row) for row in BOOK])]))
    made.csv("acme/a.csv", (1, "ada"), (2, "lin"))
    made.csv("globex/a.csv", (7, "ada"), (8, "lin"), (9, "zoë"))
    made.csv("globex/more.csv", (10, ""), (11, "lin"))
    made.csv("initech/a.csv", (20, "ada"), (21, ""))
    for tenant in ("acme", "initech"):
        made.note(tenant, "first", "red")


def _write_assets(project: Project) -> None:
    for name, columns in COLUMNS.items():
        if name == "orders":
            project.asset(domain=NAMESPACE)
            continue
        schema = [
            {"name": column, "type": "integer" if (name, column) in _INTEGERS else "string", "required": not number}
            for number, column in enumerate(columns)
        ]
        about = {"id": name, "name": name, "object": name, "domain": NAMESPACE, "schema": schema}
        project.write(f"assets/{name}.yaml", ASSET | about)


def _write_secrets(made: Folder) -> None:
    for path, text in {
        "acme/databases.env": f'PGPASSWORD="{postgresql.PASSWORD}"\n',
        "acme/stripe_api_key.txt": stripe_api.KEY,
        "globex/databases.env": f'MYSQL_PASSWORD="{mariadb.PASSWORD}"\n',
        "globex/hubspot_api_key.txt": hubspot_api.TOKEN,
        "initech/gdrive.json": made.drive.account(),
        "initech/gsheets.json": made.sheets.account(),
    }.items():
        made.project.write(f"secrets/{path}", text)
    made.project.environment |= {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(made.postgres.port),
        "MYSQL_HOST": "127.0.0.1",
        "MYSQL_PORT": str(made.mysql.port),
        "MYSQL_USER": made.mysql.connection["user"],
    }


def _write_jobs(made: Folder, stripe: str, hubspot: str) -> None:
    """Write the jobs; one of a key that is not known, one of a row that its contract does not take."""
    routes = {"stripe": {"api.stripe.com": stripe}, "hubspot": {"api.hubapi.com": hubspot}}

    def tap(name: str, **options: Any) -> dict[str, Any]:
        command = tap_venv(name) / "bin" / f"tap-{name}"
        if name in routes:
            command = routed(command, routes[name], made.project.folder)
        return {"engine": {"options": {"executable": str(command)} | options}}

    def write(path: str, connector: str, source: dict[str, Any], *, by: str, **more: Any) -> None:
        tenant, name = path.split("/")
        more = {
            "source_connector_path": f"connectors/sources/{connector}.yaml",
            "source": source | {"incremental": {"strategy": by}},
            "target": TARGET | (UPSERT if connector not in ("csv", "markdown_kv") else {}),
        } | more
        made.project.job(name, tenant, **{"asset_path": f"assets/{name}.yaml"} | more)

    def files(path: str, **entry: Any) -> dict[str, Any]:
        return {"files": [{"path": f"data/{path}"} | entry]}

    notes, orders = {"object": "notes", "pattern": "string"}, {"object": "orders", "keys": ["id"]}
    budget = {"id": "book", "sheet": "Budget", "object": "budget", "keys": ["team"], "types": {"planned": "integer"}}
    at_drive, at_sheets = {"drive_url": made.drive.url}, {"drive_url": made.sheets.url, "sheets_url": made.sheets.url}
    first_day = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(made.began - 4 * 86_400))
    write("acme/accounts", "postgres", tap("postgres") | {"tables": [{"name": "public.accounts"}]}, by="updated_at")
    customers = tap("stripe", start_date=first_day) | {"objects": ["customers"]}
    write("acme/customers", "stripe", customers, by="created")
    write("acme/notes", "markdown_kv", files("acme/*.mdkv", **notes), by="file_modified_time")
    write("acme/orders", "csv", files("acme/*.csv", **orders), by="file_modified_time")
    write("globex/contacts", "hubspot", tap("hubspot") | {"objects": ["contacts"]}, by="updated_after")
    more = {"asset_path": "assets/orders.yaml", "schema_validation_mode": "quarantine"}
    write("globex/more", "csv", files("globex/more*.csv", **orders), by="file_modified_time", **more)
    write("globex/orders", "csv", files("globex/a*.csv", **orders), by="file_modified_time")
    database = {"connection": {"database": "shop", "engine": "mariadb"}, "tables": [{"name": "shop.shipments"}]}
    write("globex/shipments", "mysql", tap("mysql") | database, by="updated_at")
    sheet = {"sheets": [budget], "engine": {"options": {"settings": at_sheets}}}
    write("initech/budget", "google_sheets", sheet, by="spreadsheet_modified_time")
    drive = {"files": [{"id": "inv1", "object": "invoices", "keys": ["invoice_id"]}]}
    drive |= {"engine": {"options": {"settings": at_drive}}}
    write("initech/invoices", "gdrive_csv", drive, by="file_modified_time")
    write("initech/notes", "markdown_kv", files("initech/*.mdkv", **notes), by="file_modified_time", retry_confg={})
    write("initech/orders", "csv", files("initech/*.csv", **orders), by="file_modified_time")
