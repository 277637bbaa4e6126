"""A loopback server that speaks the parts of Vault's HTTP API that are asked for: KV 1 and 2, sign-in by AppRole."""

from __future__ import annotations

import json
from typing import Any

from tests.running_server import Quiet, Running

ROLE, SECRET_ID, ROOT = "role-canary-1234", "secret-id-canary-5678", "hvs.root-canary"


class Vault(Running):
    """Mounts `secret` (KV 2) and `kv` (KV 1), tokens and the paths that each may read, and what was asked."""

    def __init__(self) -> None:
        self.second: dict[str, dict[str, Any] | None] = {}
        self.first: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, str] = {ROOT: ""}
        self.namespace = ""
        self.statuses: list[int] = []
        self.requests: list[str] = []
        super().__init__(_Handler)


class _Handler(Quiet):
    server: Vault

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._fails():
            return
        if self.path != "/v1/auth/approle/login":
            self._json(404, {"errors": [f'no handler for route "{self.path}". route entry not found.']})
        elif body != {"role_id": ROLE, "secret_id": SECRET_ID}:
            self._json(400, {"errors": ["invalid role or secret ID"]})
        else:
            self.server.tokens["hvs.of-the-role"] = "acme"
            auth = {"client_token": "hvs.of-the-role", "accessor": "a", "lease_duration": 60, "renewable": True}
            self._json(200, {"request_id": "r", "data": None, "warnings": None, "auth": auth})

    def do_GET(self) -> None:
        if self._fails():
            return
        _, _, mount, *rest = self.path.split("/")
        path = "/".join(rest)
        own = self.server.tokens.get(self.headers.get("X-Vault-Token", ""))
        if own is None or not path.removeprefix("data/").startswith(own):
            self._json(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
        elif mount == "kv":
            found = self.server.first.get(path)
            self._json(*((404, {"errors": []}) if found is None else (200, {"data": found, "auth": None})))
        elif mount == "secret":
            self._second(path)
        else:
            self._json(404, {"errors": [f'no handler for route "{mount}/{path}". route entry not found.']})

    def _second(self, path: str) -> None:
        if not path.startswith("data/"):
            self._json(404, {"data": None, "warnings": ["Invalid path for a versioned K/V secrets engine."]})
            return
        name = path.removeprefix("data/")
        if name not in self.server.second:
            self._json(404, {"errors": []})
            return
        found = self.server.second[name]
        metadata = {"version": 1, "destroyed": False, "deletion_time": "2026-01-01T00:00:00Z" if found is None else ""}
        self._json(404 if found is None else 200, {"data": {"data": found, "metadata": metadata}, "auth": None})

    def _fails(self) -> bool:
        self.server.requests.append(self.path)
        if self.server.namespace and self.headers.get("X-Vault-Namespace") != self.server.namespace:
            self._json(403, {"errors": ["permission denied"]})
            return True
        if not self.server.statuses:
            return False
        status = self.server.statuses.pop(0)
        self._json(status, {"errors": ["canary of the service"]}, {"Location": f"{self.server.url}/v1/elsewhere"})
        return True

    def _json(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
