"""HubSpot by meltano-tap-hubspot against a loopback server that speaks its API: pages, rate limits, second load."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tap_adapters.extractor import Extractor
from tap_adapters.source import Incremental, Source
from tap_adapters.sources import adapt
from tests.nessie.loopback import serving
from tests.readback import Tables
from tests.sources.conftest import OpenPipe
from tests.sources.contracts import contract
from tests.sources.hubspot_api import TOKEN, HubspotApi, contact
from tests.sources.routed import routed
from tests.sources.venvs import tap_venv

pytestmark = [pytest.mark.network, pytest.mark.timeout(300), pytest.mark.xdist_group("sources")]
COLUMNS = {"id": "string", "email": "string", "firstname": "string", "lastmodifieddate": "timestamp"}


def source(uri: str, folder: Path, token: str = TOKEN, **more: Any) -> Extractor:
    command = routed(tap_venv("hubspot") / "bin" / "tap-hubspot", {"api.hubapi.com": uri}, folder)
    options = {"executable": str(command)}
    return adapt(
        Source("hubspot", "native", folder, options, credentials={"api_key": token}, objects=("contacts",), **more)
    )


def test_first_load_then_only_what_was_modified(open_pipe: OpenPipe, tables: Tables, tmp_path: Path) -> None:
    api = HubspotApi([contact(n, f"2024-05-01T10:{n // 60:02}:{n % 60:02}.123Z") for n in range(1, 251)], limited=1)
    with serving(api.answer) as server:
        extractor = source(
            server.uri,
            tmp_path,
            columns={"contacts": tuple(COLUMNS)},
            incremental=Incremental("updated_after", "updatedAt"),
        )
        settings = contract(tmp_path, "contacts", **COLUMNS) | {"load_method": "upsert"}
        pipe = open_pipe("hubspot")
        first = pipe.run(extractor, **settings)
        assert first.tap_code == 0, first.tap_log
        records = first.records("contacts")
        assert len(records) == 250
        assert records[0].keys() == COLUMNS.keys()
        api.contacts[4] = contact(5, "2024-06-01T00:00:00.000Z", firstname="renamed")
        api.contacts.append(contact(900, "2024-06-02T00:00:00.000Z", email=None))
        second = pipe.run(extractor, first.state, **settings)
        assert second.tap_code == 0, second.tap_log
        assert "POST" in {one.method for one in server.arrivals}
    # the contact at the cursor is read again, since others may have come at that very moment
    assert [row["id"] for row in second.records("contacts")] == ["250", "5", "900"]
    (name,) = tables.pointers()
    assert tables.sql(f"SELECT {', '.join(COLUMNS)} FROM {{{name}}} ORDER BY id") == sorted(
        (
            one["id"],
            one["properties"]["email"],
            one["properties"]["firstname"],
            datetime.fromisoformat(one["properties"]["lastmodifieddate"]).replace(tzinfo=None),
        )
        for one in api.contacts
    )
    cursor = extractor.cursors.entries(second.state, "now")["object_contacts"]["cursor"]
    assert datetime.fromisoformat(cursor) == datetime(2024, 6, 2, tzinfo=UTC)


def test_a_wrong_token_ends_the_tap_and_is_not_shown(open_pipe: OpenPipe, tmp_path: Path) -> None:
    with serving(HubspotApi().answer) as server:
        _, failed = open_pipe("hubspot").discover(source(server.uri, tmp_path, "wr0ng-canary"))
    assert failed is not None
    assert "401" in failed.stderr
    assert "wr0ng-canary" not in failed.stderr
