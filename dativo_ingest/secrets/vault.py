"""HashiCorp Vault's KV engine, versions 1 and 2, over its HTTP API (https://developer.hashicorp.com/vault/api-docs)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from dativo_ingest.asking import Server
from dativo_ingest.secrets.asking import name_of, refused
from dativo_ingest.secrets.bundle import Secrets, parsed
from dativo_ingest.secrets.settings import VaultSettings, placed, settings


def from_vault(tenant: str, environment: Mapping[str, str], config: str | None, told: Callable[[str], None]) -> Secrets:
    """Read the tenant's path: each of `paths` below it is a secret; without `paths` each member there is one.

    Raises:
        OrchestratorError: settings are wrong, or Vault does not answer or refuses.

    """
    wanted = settings(VaultSettings, config, environment)
    address = wanted.address or environment.get("VAULT_ADDR", "")
    if not address:
        raise refused("vault", "has no address", "setting 'address', or set VAULT_ADDR")
    verify = wanted.ca_cert or environment.get("VAULT_CACERT", "")
    with Server(name_of("vault"), address, "settings 'address' and 'ca_cert'", verify) as server:
        vault = _Vault(server, wanted, environment, told)
        return vault.secrets(tenant)


class _Vault:
    def __init__(
        self, server: Server, wanted: VaultSettings, environment: Mapping[str, str], told: Callable[[str], None]
    ) -> None:
        self._server = server
        self._wanted = wanted
        self._environment = environment
        self._told = told
        namespace = wanted.namespace or environment.get("VAULT_NAMESPACE", "")
        self._headers = {"X-Vault-Request": "true"} | ({"X-Vault-Namespace": namespace} if namespace else {})

    def secrets(self, tenant: str) -> Secrets:
        own = placed(self._wanted.path_template, tenant)
        self._headers["X-Vault-Token"] = self._token()
        values: dict[str, Any] = {}
        warnings = []
        version = self._wanted.kv_version
        for path in self._wanted.paths or [""]:
            place = f"{own}/{path}" if path else own
            found = self._read(place)
            if found is None:
                warnings.append(f"vault has no secret at '{place}' (mount '{self._wanted.mount_point}', KV {version})")
            elif path:
                values[path.replace("/", "_")] = found
            else:
                values |= found
        return Secrets(values, tuple(warnings))

    def _token(self) -> str:
        auth = self._wanted.auth
        if auth.method == "token":
            return self._given(auth.token, "token", "VAULT_TOKEN")
        role = self._given(auth.role_id, "role_id", "VAULT_ROLE_ID")
        body = {"role_id": role, "secret_id": self._given(auth.secret_id, "secret_id", "VAULT_SECRET_ID")}
        status, answer = self._server.ask("POST", f"/v1/auth/{quote(auth.mount_point)}/login", self._headers, body)
        token = _member(answer, "auth", "client_token")
        if status != 200 or not isinstance(token, str):
            raise refused(
                "vault",
                f"refuses the sign-in (status {status})",
                "settings 'auth.role_id', 'auth.secret_id', 'namespace'",
            )
        self._told(token)
        return token

    def _given(self, value: str, key: str, variable: str) -> str:
        found = value or self._environment.get(variable, "")
        if not found or not (found.isascii() and found.isprintable()):
            wrong = "cannot be used" if found else "is not there"
            raise refused("vault", f"cannot be asked: its {key} {wrong}", f"setting 'auth.{key}', or set {variable}")
        self._told(found)
        return found

    def _read(self, place: str) -> dict[str, Any] | None:
        """Return the members of a secret; None if there is none, or its newest version is deleted."""
        second = self._wanted.kv_version == 2
        path = f"/v1/{quote(self._wanted.mount_point)}{'/data' if second else ''}/{quote(place)}"
        status, answer = self._server.ask("GET", path, self._headers)
        if status == 404 and not answer.get("errors"):
            if answer.get("warnings"):
                raise refused("vault", "has another KV engine there", "setting 'kv_version'")
            return None
        if status == 404:
            raise refused("vault", "has nothing mounted there (status 404)", "setting 'mount_point'")
        if status != 200:
            raise refused(
                "vault",
                f"refuses '{place}' (status {status})",
                "settings 'auth', 'namespace' and 'mount_point', and the policy of the sign-in",
            )
        found = _member(answer, "data", "data") if second else answer.get("data")
        if not isinstance(found, dict):
            raise refused("vault", f"answers no KV secret at '{place}'", "setting 'kv_version'")
        # A text that is a JSON document or an `.env` file is read as one.
        return {name: parsed(value, "") if isinstance(value, str) else value for name, value in found.items()}


def _member(answer: dict[str, Any], outer: str, inner: str) -> Any:
    found = answer.get(outer)
    return found.get(inner) if isinstance(found, dict) else None
