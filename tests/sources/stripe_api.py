"""Stripe's list API as its documentation tells it: newest first, pages by `starting_after`, events, 401 and 429."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.nessie.loopback import Answer, Arrival

KEY = "sk_test_loopback"


@dataclass
class StripeApi:
    """Objects and events of an account; the first `limited` list requests are told to slow down."""

    customers: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    limited: int = 0
    page: int = 100

    def answer(self, arrival: Arrival) -> Answer:
        asked = urlsplit(arrival.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if arrival.headers.get("Authorization") != f"Bearer {KEY}":
            return _error(401, "invalid_request_error", "Invalid API Key provided: sk_****")
        if asked.path in {"/v1/account", "/v1/accounts/acct_1"}:
            return _json({"id": "acct_1", "object": "account", "settings": {"dashboard": {"display_name": "Shop"}}})
        if self.limited:
            self.limited -= 1
            return _error(429, "rate_limit_error", "Request rate limit exceeded.")
        lists = {"/v1/customers": self.customers, "/v1/events": self.events}
        if asked.path not in lists:
            return _error(404, "invalid_request_error", f"Unrecognized request URL ({arrival.method}: {asked.path}).")
        return self._listed(lists[asked.path], query, asked.path)

    def _listed(self, objects: list[dict[str, Any]], query: dict[str, str], path: str) -> Answer:
        low, high = int(query.get("created[gte]", 0)), int(query.get("created[lt]", 1 << 40))
        found = [one for one in objects if low <= one["created"] < high]
        found.sort(key=lambda one: (-one["created"], one["id"]))
        if after := query.get("starting_after"):
            found = found[[one["id"] for one in found].index(after) + 1 :]
        count = min(int(query.get("limit", 10)), self.page)
        return _json({"object": "list", "url": path, "has_more": len(found) > count, "data": found[:count]})


def customer(number: int, created: int, **more: Any) -> dict[str, Any]:
    address = {"city": "Ålesund", "line1": f"Storgata {number}"}
    none = {"object": "list", "data": [], "has_more": False, "url": "/v1/subscriptions"}
    return {
        "id": f"cus_{number:05}", "object": "customer", "created": created, "email": f"c{number}@example.org",
        "name": f"Zoë {number}", "balance": number * 10, "address": address, "metadata": {}, "subscriptions": none,
    } | more  # fmt: skip


def updated(what: dict[str, Any], moment: int, number: int) -> dict[str, Any]:
    return {
        "id": f"evt_{number:05}", "object": "event", "created": moment, "type": "customer.updated",
        "data": {"object": what},
    }  # fmt: skip


def _json(value: dict[str, Any], status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json", "Request-Id": "req_1"}, json.dumps(value).encode()


def _error(status: int, kind: str, message: str) -> Answer:
    return _json({"error": {"type": kind, "message": message}}, status)
