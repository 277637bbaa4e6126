"""Stripe by tap-stripe, a process of its own under its own licence (AGPL 3)."""

from __future__ import annotations

from tap_adapters.cursors import keyed
from tap_adapters.extractor import Extractor
from tap_adapters.recipes.api import API_OPTIONS, read_credential, read_objects, start_date
from tap_adapters.recipes.plugin import Plugin, settings
from tap_adapters.selection import patterns
from tap_adapters.source import Source
from tap_adapters.strategies import by_own_key

PLUGIN = Plugin(
    "tap-stripe",
    settings(
        "account_id",
        "lookback_window",
        "request_timeout",
        "date_window_size",
        "event_date_window_size",
        "user_agent",
        secret=("client_secret",),
        date_iso8601=("start_date",),
    ),
    package="tap-stripe==3.3.0",
)
FIRST_DAY = "2011-01-01T00:00:00Z"
"""Before Stripe was opened to the public: a first load reads all there is."""

BOOKMARKS = dict.fromkeys(
    (
        "charges",
        "events",
        "customers",
        "plans",
        "payment_intents",
        "transfers",
        "coupons",
        "subscriptions",
        "subscription_items",
        "balance_transactions",
        "payouts",
        "payout_transactions",
        "disputes",
        "products",
        "transfer_reversals",
    ),
    "created",
) | dict.fromkeys(("invoices", "invoice_items", "invoice_line_items"), "date")
"""The tap's streams, each with the name under which it bookmarks its cursor."""
_KEYS = {"invoices": "created", "payout_transactions": "id"}
_ALWAYS = {"invoice_line_items": ("id", "invoice")}


def stripe(source: Source) -> Extractor:
    """Return the extractor of objects of a Stripe account; the key's own account unless `account_id` names another.

    Raises:
        SourceError: what `source` says cannot be mapped.

    """
    given = PLUGIN.given(source, (*API_OPTIONS, "account_id"))
    objects = read_objects(source, BOOKMARKS)
    replication = {
        name: by_own_key(source.incremental, _KEYS.get(name, BOOKMARKS[name]), ("created", "date")) for name in objects
    }
    select: list[str] = []
    for name in objects:
        key = _KEYS.get(name, BOOKMARKS[name])
        select += patterns(
            name, source.columns.get(name, ()), [*_ALWAYS.get(name, ("id",)), key, "updated"], nested=True
        )
    account = (
        source.credentials.get("account_id") or source.connection.get("account_id") or source.options.get("account_id")
    )
    config = {
        # the tap insists on the key and takes an empty text for the account that the API key belongs to
        "account_id": account or "",
        "client_secret": read_credential(source, ("api_key", "client_secret", "secret_key")),
        "start_date": start_date(source, FIRST_DAY),
    }
    return PLUGIN.extractor(
        source,
        keyed({name: name for name in objects}, BOOKMARKS),
        config=config | given,
        select=select,
        replication=replication,
        streams={name: name for name in objects},
    )
