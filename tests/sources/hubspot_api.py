"""HubSpot's CRM API v3 as its documentation tells it: properties, objects in pages, search by date, 401 and 429."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.nessie.loopback import Answer, Arrival

TOKEN = "pat-loopback"
PROPERTIES = ("email", "firstname", "lastmodifieddate", "hs_lastmodifieddate")


@dataclass
class HubspotApi:
    """Contacts of an account; the first `limited` requests for objects are told to slow down."""

    contacts: list[dict[str, Any]] = field(default_factory=list)
    limited: int = 0
    page: int = 100

    def answer(self, arrival: Arrival) -> Answer:
        asked = urlsplit(arrival.path)
        if arrival.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _json({"status": "error", "category": "INVALID_AUTHENTICATION", "message": "expired"}, 401)
        if asked.path.startswith("/crm/v3/properties/"):
            return _json({"results": [{"name": name, "type": "string"} for name in PROPERTIES]})
        if self.limited:
            self.limited -= 1
            return _json({"status": "error", "category": "RATE_LIMITS", "message": "ten secondly"}, 429)
        if asked.path == "/crm/v3/objects/contacts" and arrival.method == "GET":
            query = {name: values[0] for name, values in parse_qs(asked.query).items()}
            return self._paged(self.contacts, query["properties"].split(","), query.get("after"), int(query["limit"]))
        if asked.path == "/crm/v3/objects/contacts/search" and arrival.method == "POST":
            return self._searched(json.loads(arrival.body))
        return _json({"status": "error", "message": f"no {asked.path}"}, 404)

    def _searched(self, body: dict[str, Any]) -> Answer:
        (group,) = body["filterGroups"]
        (one,) = group["filters"]
        assert one["operator"] == "GTE"
        name, least = one["propertyName"], int(one["value"])
        found = [c for c in self.contacts if _millis(c["properties"][name]) >= least]
        found.sort(key=lambda c: _millis(c["properties"][name]))
        return self._paged(found, body["properties"], body.get("after"), body["limit"])

    def _paged(self, found: list[dict[str, Any]], names: list[str], after: Any, limit: int) -> Answer:
        first, count = int(after or 0), min(limit, self.page)
        rows = [
            one | {"properties": {name: one["properties"].get(name) for name in names}}
            for one in found[first : first + count]
        ]
        more = {"paging": {"next": {"after": str(first + count)}}} if len(found) > first + count else {}
        return _json({"results": rows} | more)


def contact(number: int, modified: str, **properties: Any) -> dict[str, Any]:
    """A contact as the API gives it; `modified` is ISO 8601 in UTC."""
    known = {"email": f"c{number}@example.org", "firstname": f"Zoë {number}", "lastmodifieddate": modified}
    return {
        "id": str(number), "properties": known | properties, "createdAt": "2024-01-01T00:00:00.000Z",
        "updatedAt": modified, "archived": False,
    }  # fmt: skip


def _millis(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def _json(value: dict[str, Any], status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()
