"""A stand-in for an identity provider (OIDC) on loopback: its discovery document, its keys, and tokens for clients.

A real one brings a server and a database; Nessie only needs what stands here to check a token's signature and roles.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from tests.nessie.loopback import Answer, Arrival, serving

_KEY = "stand-in"
_LIFETIME_SECONDS = 3600


@dataclass
class Identities:
    """The running provider.

    Attributes:
        clients: the secret of each client, whose only role has its name.
        uri: address, and what tokens name as their issuer.

    """

    clients: Mapping[str, str] = field(repr=False)
    uri: str = ""
    _key: RSAPrivateKey = field(default_factory=lambda: generate_private_key(65537, 2048), repr=False)

    @property
    def token_uri(self) -> str:
        """Where clients get their tokens."""
        return f"{self.uri}/token"

    def token(self, client: str) -> str:
        """A signed token; its subject is not the role's name, as with most providers."""
        claims = {
            "iss": self.uri,
            "sub": f"service-account-{client}",
            "groups": [client],
            "iat": int(time.time()),
            "exp": int(time.time()) + _LIFETIME_SECONDS,
        }
        signed = f"{_part({'alg': 'RS256', 'typ': 'JWT', 'kid': _KEY})}.{_part(claims)}"
        return f"{signed}.{_text(self._key.sign(signed.encode(), PKCS1v15(), SHA256()))}"

    def answer(self, arrival: Arrival) -> Answer:
        """What the provider answers."""
        if arrival.path == "/.well-known/openid-configuration":
            return _json({"issuer": self.uri, "jwks_uri": f"{self.uri}/keys", "token_endpoint": self.token_uri})
        if arrival.path == "/keys":
            return _json({"keys": [self._public()]})
        client = self._client(arrival.headers.get("Authorization", ""))
        if client is None:
            return _json({"error": "invalid_client"}, 401)
        if "scope" in parse_qs(arrival.body):
            return _json({"error": "invalid_scope"}, 400)  # nobody has set one
        return _json({"access_token": self.token(client), "token_type": "bearer", "expires_in": _LIFETIME_SECONDS})

    def _client(self, header: str) -> str | None:
        name, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        name = unquote_plus(name)
        return name if self.clients.get(name) == unquote_plus(secret) else None

    def _public(self) -> dict[str, str]:
        numbers = self._key.public_key().public_numbers()
        of_key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": _KEY}
        return of_key | {"n": _number(numbers.n), "e": _number(numbers.e)}


@contextmanager
def identities(**clients: str) -> Iterator[Identities]:
    """Run a provider that knows these clients, underscores of their names being hyphens."""
    provider = Identities({name.replace("_", "-"): secret for name, secret in clients.items()})
    with serving(provider.answer) as running:
        provider.uri = running.uri
        yield provider


def _json(content: Any, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()


def _part(content: Any) -> str:
    return _text(json.dumps(content).encode())


def _number(number: int) -> str:
    return _text(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
