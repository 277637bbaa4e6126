"""A loopback server that speaks GetSecretValue of AWS Secrets Manager, and checks who signed what it is asked."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from typing import Any

from tests.running_server import Quiet, Running

KEY, SECRET, TOKEN = "AKIACANARY00000000", "secret-key/canary+1234", "session-canary-5678"
REGION = "eu-south-1"
_TARGET = "secretsmanager.GetSecretValue"


class SecretsManager(Running):
    """Secrets by id: a text or bytes for its current value, or values by stage; what was asked; answers to come."""

    def __init__(self) -> None:
        self.secrets: dict[str, str | bytes | dict[str, str] | None] = {}
        self.refused: set[str] = set()
        self.token = ""
        self.answers: list[tuple[int, str]] = []
        self.asked: list[dict[str, Any]] = []
        self.released = threading.Event()
        super().__init__(_Handler)

    def stop(self) -> None:
        self.released.set()
        super().stop()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that did not wait."""


class _Handler(Quiet):
    server: SecretsManager

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(body)
        self.server.asked.append(asked)
        if self.server.answers:
            status, code = self.server.answers.pop(0)
            if code == "slow":
                self.server.released.wait(60)
            self._refuse(status, code)
        elif self.headers["X-Amz-Target"] != _TARGET:
            self._refuse(400, "UnknownOperationException")
        elif self.headers.get("X-Amz-Security-Token", "") != self.server.token:
            self._refuse(400, "ExpiredTokenException")
        elif not self._signed(body):
            self._refuse(400, "InvalidSignatureException")
        elif asked["SecretId"] in self.server.refused:
            self._refuse(400, "AccessDeniedException")
        else:
            self._give(asked)

    def _give(self, asked: dict[str, Any]) -> None:
        name = asked["SecretId"]
        if name not in self.server.secrets:
            return self._refuse(400, "ResourceNotFoundException")
        found = self.server.secrets[name]
        if found is None:
            return self._refuse(400, "InvalidRequestException")
        if isinstance(found, dict):
            stage = asked.get("VersionStage") or asked.get("VersionId") or "AWSCURRENT"
            if stage not in found:
                return self._refuse(400, "ResourceNotFoundException")
            found = found[stage]
        binary = isinstance(found, bytes)
        payload = {"SecretBinary": base64.b64encode(found).decode()} if binary else {"SecretString": found}
        common = {"ARN": f"arn:aws:secretsmanager:{REGION}:1:secret:{name}-AbCdEf", "Name": name, "CreatedDate": 1.5}
        return self._json(200, {**common, "VersionId": "v" * 32, "VersionStages": ["AWSCURRENT"], **payload})

    def _refuse(self, status: int, code: str) -> None:
        self._json(status, {"__type": code, "Message": "a message of the service with a canary"})

    def _signed(self, body: bytes) -> bool:
        """Sign the request again, as AWS does (Signature Version 4), and compare."""
        algorithm, _, rest = self.headers["Authorization"].partition(" ")
        given = dict(part.split("=", 1) for part in rest.split(", "))
        names = given["SignedHeaders"].split(";")
        lines = "".join(f"{name}:{self.headers[name].strip()}\n" for name in names)
        digest = hashlib.sha256(body).hexdigest()
        request = f"POST\n/\n\n{lines}\n{given['SignedHeaders']}\n{digest}"
        moment = self.headers["X-Amz-Date"]
        scope = f"{moment[:8]}/{REGION}/secretsmanager/aws4_request"
        text = f"{algorithm}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = f"AWS4{SECRET}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        wanted = ("AWS4-HMAC-SHA256", f"{KEY}/{scope}", signature)
        return wanted == (algorithm, given["Credential"], given["Signature"])

    def _json(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
