"""Loaded at the start of a tap's Python: its HTTP by `requests` goes to the loopback servers of the test.

`DATIVO_TEST_ROUTES` maps hosts to base URLs, as JSON. A host that is not there is refused, so that no test calls out.
"""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import urlsplit

import requests.adapters

ROUTES: dict[str, str] = json.loads(os.environ["DATIVO_TEST_ROUTES"])
_send = requests.adapters.HTTPAdapter.send


def send(self: requests.adapters.HTTPAdapter, request: requests.PreparedRequest, **more: Any) -> requests.Response:
    asked = urlsplit(str(request.url))
    if asked.hostname not in ROUTES:
        raise requests.exceptions.ConnectionError(f"the test has no route to {asked.hostname}")
    # a copy: whoever sends the request again must find it as it was
    there = request.copy()
    there.url = ROUTES[asked.hostname] + asked.path + (f"?{asked.query}" if asked.query else "")
    return _send(self, there, **more)


requests.adapters.HTTPAdapter.send = send  # type: ignore[method-assign]
