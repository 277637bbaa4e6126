"""Google Secret Manager over its REST API, signed in by google-auth (extra `[google]`)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from dativo_ingest.asking import SECONDS, Server
from dativo_ingest.errors import OrchestratorError
from dativo_ingest.secrets.asking import name_of, refused
from dativo_ingest.secrets.bundle import Secrets
from dativo_ingest.secrets.gathering import gathered, insist
from dativo_ingest.secrets.settings import GcpSecret, GcpSettings, settings

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SIGN_IN = "setting 'credentials_file', or GOOGLE_APPLICATION_CREDENTIALS"


def from_gcp(tenant: str, environment: Mapping[str, str], config: str | None, told: Callable[[str], None]) -> Secrets:
    """Read the tenant's secrets.

    Raises:
        OrchestratorError: settings are wrong, the extra is missing, or the service does not answer or refuses.

    """
    wanted = settings(GcpSettings, config, environment)
    project = wanted.project_id or environment.get("GOOGLE_CLOUD_PROJECT", "")
    if not project:
        raise refused("gcp", "has no project", "setting 'project_id', or set GOOGLE_CLOUD_PROJECT")
    insist("gcp", wanted)
    token = _token(wanted.credentials_file)
    told(token)
    headers = {"Authorization": f"Bearer {token}"}
    with Server(name_of("gcp"), wanted.endpoint, "setting 'endpoint'") as server:

        def ask(place: str, entry: GcpSecret | None) -> bytes | str:
            version = entry.version if entry and entry.version else wanted.version
            path = f"projects/{quote(project)}/secrets/{quote(place, safe='')}/versions/{version}:access"
            payload = _payload(place, *server.ask("GET", f"/v1/{path}", headers))
            return f"gcp has no secret '{place}' in version '{version}'" if payload is None else payload

        return gathered("gcp", tenant, wanted, wanted.secrets, ask)


def _payload(place: str, status: int, answer: dict[str, Any]) -> bytes | None:
    if status == 404:
        return None
    if status != 200:
        which = "settings 'project_id' and 'version', and the rights of the account"
        raise refused("gcp", f"refuses '{place}' (status {status})", which)
    payload = answer.get("payload")
    data = payload.get("data", "") if isinstance(payload, dict) else None
    try:
        return base64.b64decode(data, validate=True)  # type: ignore[arg-type]
    except (binascii.Error, TypeError, ValueError):
        raise refused("gcp", f"answers no payload for '{place}'", "setting 'endpoint'") from None


def _token(file: str) -> str:
    """Return an access token of the service account of a file, else of the environment's default account."""
    try:
        import google.auth  # noqa: PLC0415 - the extra may be missing
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - as above
        from google.auth.transport.requests import Request  # noqa: PLC0415 - as above
        from google.oauth2.service_account import Credentials  # noqa: PLC0415 - as above
    except ImportError:
        raise OrchestratorError(
            "secret manager 'gcp' needs the package google-auth", "pip install 'target-dativo-iceberg[google]'"
        ) from None
    try:
        if file:
            found = Credentials.from_service_account_file(file, scopes=[_SCOPE])  # type: ignore[no-untyped-call]
        else:
            found, _ = google.auth.default(scopes=[_SCOPE])
        request = Request()

        def timed(*arguments: Any, **options: Any) -> Any:
            return request(*arguments, **{**options, "timeout": SECONDS[1]})

        found.refresh(timed)
    except (GoogleAuthError, ValueError, OSError) as error:
        raise refused("gcp", f"cannot be signed in to ({type(error).__name__})", _SIGN_IN) from None
    return str(found.token)
