"""Stripe by tap-stripe against a loopback server that speaks its API: pages, rate limits, updates, second load."""

from __future__ import annotations

import time
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
from tests.sources.routed import routed
from tests.sources.stripe_api import KEY, StripeApi, customer, updated
from tests.sources.venvs import tap_venv

pytestmark = [pytest.mark.network, pytest.mark.timeout(300), pytest.mark.xdist_group("sources")]
COLUMNS = {"id": "string", "email": "string", "name": "string", "balance": "integer", "created": "timestamp"}
DAY = 86_400


def source(uri: str, folder: Path, key: str = KEY, **more: Any) -> Extractor:
    command = routed(tap_venv("stripe") / "bin" / "tap-stripe", {"api.stripe.com": uri}, folder)
    options = {"executable": str(command), "start_date_default": _day(time.time() - 40 * DAY)}
    return adapt(
        Source("stripe", "singer", folder, options, credentials={"api_key": key}, objects=("customers",), **more)
    )


def test_first_load_then_only_what_is_new_or_changed(open_pipe: OpenPipe, tables: Tables, tmp_path: Path) -> None:
    now = int(time.time())
    api = StripeApi([customer(n, now - 35 * DAY + n * 3600) for n in range(250)], limited=1)
    with serving(api.answer) as server:
        chosen = {"customers": tuple(COLUMNS)}
        extractor = source(server.uri, tmp_path, columns=chosen, incremental=Incremental("created", "created"))
        settings = contract(tmp_path, "customers", **COLUMNS, updated="timestamp") | {"load_method": "upsert"}
        pipe = open_pipe("stripe")
        first = pipe.run(extractor, **settings)
        assert first.tap_code == 0, first.tap_log
        records = first.records("customers")
        assert len(records) == 250
        assert records[0].keys() == {*COLUMNS, "updated"}
        pages = [one.path for one in server.arrivals if one.path.startswith("/v1/customers?")]
        assert sum("starting_after" in path for path in pages) >= 2
        api.customers.append(customer(900, now - 60))
        changed = customer(7, api.customers[7]["created"], email="new@example.org")
        api.customers[7] = changed
        api.events.append(updated(changed, now - 30, 1))
        moved = extractor.cursors.shifted(first.state, 1)
        second = pipe.run(extractor, moved, **settings)
        assert second.tap_code == 0, second.tap_log
    assert [(row["id"], row["email"]) for row in second.records("customers")] == [
        ("cus_00900", "c900@example.org"),
        ("cus_00007", "new@example.org"),
    ]
    (name,) = tables.pointers()
    query = f"SELECT id, email, name, balance, epoch(created)::int FROM {{{name}}} ORDER BY id"
    expected = [(c["id"], c["email"], c["name"], c["balance"], c["created"]) for c in api.customers]
    assert tables.sql(query) == sorted(expected)
    cursor = extractor.cursors.entries(second.state, "now")["object_customers"]["cursor"]
    assert cursor.endswith("Z")
    assert cursor >= _day(now)


def test_a_wrong_key_ends_the_tap_and_is_not_shown(open_pipe: OpenPipe, tmp_path: Path) -> None:
    with serving(StripeApi().answer) as server:
        _, failed = open_pipe("stripe").discover(source(server.uri, tmp_path, "sk_wr0ng-canary"))
    assert failed is not None
    assert "Invalid API Key" in failed.stderr
    assert "wr0ng-canary" not in failed.stderr


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(seconds))
