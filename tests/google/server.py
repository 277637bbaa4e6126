"""A loopback server that speaks Google's token endpoint, Drive v3, Sheets v4 and the reads of Secret Manager v1, and
fails when it is told to.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.google.documents import BadRequestError, Doc, matching, selected
from tests.running_server import Quiet, Running

EMAIL = "reader@project.iam.gserviceaccount.com"
AUDIENCE = "https://oauth2.googleapis.com/token"
"""What the service expects of every grant, wherever its endpoint was reached."""
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass
class Fault:
    """An answer that requests whose path matches get instead, a number of times."""

    path: str
    status: int
    reason: str = "backendError"
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    form: str = "errors"

    def body(self) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.status, "message": "canary of the service"}
        if self.form == "errors":
            return {"error": error | {"errors": [{"domain": "usageLimits", "reason": self.reason}]}}
        return {"error": error | {"status": self.reason}}


class Google(Running):
    """The server, its documents, and what was asked of it."""

    def __init__(self) -> None:
        self.docs: dict[str, Doc] = {}
        self.secrets: dict[str, list[bytes | None]] = {}
        """Payloads of the versions of a secret, from 1; None is one that the account may not read."""
        self.faults: list[Fault] = []
        self.cuts: list[int] = []
        self.held: threading.Event | None = None
        self.page_size = 1000
        self.incomplete = False
        self.requests: list[str] = []
        self.claims: list[dict[str, Any]] = []
        self.valid_tokens: set[str] = set()
        self.key = _key()
        super().__init__(_Handler)

    def add(self, *docs: Doc) -> None:
        self.docs |= {doc.id: doc for doc in docs}

    def account(self, **changes: Any) -> str:
        """The JSON key of the service account that the server knows."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        account = {
            "type": "service_account",
            "client_email": EMAIL,
            "private_key_id": "k1",
            "private_key": pem.decode(),
            "token_uri": f"{self.url}/token",
        }
        return json.dumps(account | changes)

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Settings of a tap that reach this server, with short pauses."""
        quick = {"retry_initial_ms": 1, "retry_max_ms": 5, "max_retries": 3, "request_timeout_seconds": 10}
        return {"credentials_json": self.account(), "drive_url": self.url, **quick, **changes}


class _Handler(Quiet):
    server: Google

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        form = parse_qs(body.decode())
        self.server.requests.append(self.path)
        if self._fails():
            return
        error = self._grant(form)
        if error:
            self._json(400, {"error": "invalid_grant", "error_description": error})
            return
        token = f"token-{len(self.server.claims)}"
        self.server.valid_tokens = {token}
        self._json(200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        params = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.server.requests.append(unquote(self.path))
        if self._fails():
            return
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.server.valid_tokens:
            self._error(401, "authError")
            return
        try:
            self._route(unquote(url.path), params)
        except BadRequestError as error:
            self._error(400, "badRequest", str(error))

    def _grant(self, form: dict[str, list[str]]) -> str | None:
        """What is wrong with a grant; None when the token may be given."""
        if form.get("grant_type") != [GRANT]:
            return "unsupported"
        head, claims, signature = form["assertion"][0].split(".")
        try:
            self.server.key.public_key().verify(
                _decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return "Invalid JWT Signature."
        said = json.loads(_decoded(claims))
        now = time.time()
        good = said["iss"] == EMAIL and said["aud"] == AUDIENCE and said.get("scope")
        if not good or not now - 60 <= said["iat"] <= now + 60 or said["exp"] - said["iat"] > 3600:
            return "Invalid JWT"
        self.server.claims.append(said)
        return None

    def _route(self, path: str, params: dict[str, str]) -> None:
        if path == "/drive/v3/files":
            self._list(params)
        elif match := re.fullmatch(r"/drive/v3/files/([\w-]+)", path):
            self._file(match[1], params)
        elif match := re.fullmatch(r"/v4/spreadsheets/([\w-]+)(?:/values/(.+))?", path):
            self._spreadsheet(match[1], match[2], params)
        elif match := re.fullmatch(r"/v1/projects/([\w-]+)/secrets/([\w-]+)/versions/(\w+):access", path):
            self._secret(*match.groups())
        else:
            self._error(404, "notFound")

    def _secret(self, project: str, name: str, version: str) -> None:
        versions = self.server.secrets.get(name, []) if project == "the-project" else []
        number = len(versions) if version == "latest" else int(version)
        if not 0 < number <= len(versions):
            self._json(404, {"error": {"code": 404, "message": "canary of the service", "status": "NOT_FOUND"}})
            return
        payload = versions[number - 1]
        if payload is None:
            self._json(403, {"error": {"code": 403, "message": "canary of the service", "status": "PERMISSION_DENIED"}})
            return
        data = {"data": base64.b64encode(payload).decode()}
        self._json(200, {"name": f"projects/1/secrets/{name}/versions/{number}", "payload": data})

    def _list(self, params: dict[str, str]) -> None:
        found = matching(self.server.docs, params["q"])
        start = int(params.get("pageToken", "page-0").removeprefix("page-"))
        size = min(int(params.get("pageSize", "100")), self.server.page_size)
        inner = re.search(r"files\(([^)]*)\)", params["fields"])
        files = [selected(doc.metadata(), inner[1] if inner else None) for doc in found[start : start + size]]
        page: dict[str, Any] = {"files": files, "incompleteSearch": self.server.incomplete}
        if start + size < len(found):
            page["nextPageToken"] = f"page-{start + size}"
        self._json(200, page)

    def _file(self, file_id: str, params: dict[str, str]) -> None:
        doc = self._doc(file_id)
        if doc is None:
            return
        if params.get("alt") == "media":
            self._media(doc)
        else:
            self._json(200, selected(doc.metadata(), params.get("fields")))

    def _media(self, doc: Doc) -> None:
        content, status, headers = doc.content, 200, {}
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            start, end = int(match[1]), min(int(match[2] or len(content)), len(content) - 1)
            status, headers = 206, {"Content-Range": f"bytes {start}-{end}/{len(content)}"}
            content = content[start : end + 1]
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.server.held is not None:
            self.wfile.write(content[:10])
            self.server.held.wait(60)
            content = content[10:]
        cut = self.server.cuts.pop(0) if self.server.cuts else None
        self.wfile.write(content[:cut])
        if cut is not None:
            self.close_connection = True

    def _spreadsheet(self, file_id: str, cells: str | None, params: dict[str, str]) -> None:
        doc = self._doc(file_id)
        if doc is None:
            return
        if cells is None:
            self._json(200, doc.spreadsheet())
            return
        if params.get("valueRenderOption") != "UNFORMATTED_VALUE":
            raise BadRequestError("this server shows unformatted values only")
        values = doc.range(cells, serial=params.get("dateTimeRenderOption") == "SERIAL_NUMBER")
        self._json(200, {"range": cells, "majorDimension": "ROWS"} | ({"values": values} if values else {}))

    def _doc(self, file_id: str) -> Doc | None:
        doc = self.server.docs.get(file_id)
        if doc is None:
            self._error(404, "notFound")
        elif doc.forbidden:
            self._error(403, "insufficientFilePermissions")
            return None
        return doc

    def _fails(self) -> bool:
        for fault in self.server.faults:
            if fault.times and re.search(fault.path, unquote(self.path)):
                fault.times -= 1
                self._json(fault.status, fault.body(), fault.headers)
                return True
        return False

    def _error(self, status: int, reason: str, message: str = "canary of the service") -> None:
        self._json(status, {"error": {"code": status, "message": message, "errors": [{"reason": reason}]}})

    def _json(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        all_headers = {"Content-Type": "application/json", "Content-Length": str(len(data))} | (headers or {})
        for name, value in all_headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
