"""Calls of AWS services by botocore (extra `[aws]`): it signs them and finds the credentials, we bound their time.

Nothing that AWS answers in words is shown: only the code of an error, and only if it looks like one.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dativo_ingest.errors import OrchestratorError

SECONDS = (5.0, 10.0)
"""To connect, and to wait for an answer."""
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,63}")
_SIGN_IN = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_RIGHTS = frozenset({"AccessDenied", "AccessDeniedException"})
_UNSIGNED = frozenset({"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "CredentialRetrievalError"})

Kind = Literal["sign-in", "rights", "refused", "failed", "silent"]


class AwsError(Exception):
    """A call that was not done.

    Attributes:
        kind: `sign-in` (who asks is not known), `rights` (who asks may not), `refused` (another 4xx), `failed` (5xx, or
            too many calls), `silent` (no answer).
        code: AWS's name of the error, or botocore's.

    """

    def __init__(self, kind: Kind, code: str) -> None:
        self.kind: Kind = kind
        self.code = code
        super().__init__(f"{kind}: {code}")


@dataclass(frozen=True, repr=False)
class Keys:
    """What a call is signed with; `session_token` is empty for keys that stay."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""


class Service:
    """One service of AWS, asked again for what may pass: no answer, too many requests, 5xx."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __enter__(self) -> Service:
        """Return the service."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def call(self, operation: str, **members: Any) -> dict[str, Any]:
        """Return the answer of an operation, by botocore's names of it and of its members.

        Raises:
            AwsError: it was not done.

        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - the extra may be missing

        try:
            return dict(getattr(self._client, operation)(**members))
        except ClientError as error:
            raise _understood(error.response) from None
        except (BotoCoreError, ValueError, OSError) as error:
            raise _unanswered(error) from None


def service(
    name: str,
    purpose: str,
    environment: Mapping[str, str],
    told: Callable[[str], None],
    *,
    region: str = "",
    endpoint: str = "",
    keys: Keys | None = None,
    tries: int = 3,
) -> Service:
    """Return a service, signed in with keys, else by botocore's chain (variables, files, web identity, roles).

    Args:
        name: botocore's name of the service.
        purpose: what needs it, for a message: `secret manager 'aws'`.
        environment: of this process.
        told: takes what it is signed in with.
        region: empty for AWS_REGION, else AWS_DEFAULT_REGION, else the profile's.
        endpoint: empty for AWS's own, or what AWS_ENDPOINT_URL and its like say.
        keys: of who asks, None for the chain.
        tries: how often it is asked for what may pass.

    Raises:
        OrchestratorError: the extra is missing, or there is no region.
        AwsError: there are no credentials, or they cannot be had.

    """
    try:
        from botocore.config import Config  # noqa: PLC0415 - the extra may be missing
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - as above
        from botocore.session import Session  # noqa: PLC0415 - as above
    except ImportError:
        hint = "pip install 'target-dativo-iceberg[aws]'"
        raise OrchestratorError(f"{purpose} needs the package botocore", hint) from None
    # At DEBUG it writes down whole answers.
    logging.getLogger("botocore").setLevel(logging.INFO)
    retries = {"mode": "standard", "total_max_attempts": tries}
    config = Config(connect_timeout=SECONDS[0], read_timeout=SECONDS[1], retries=retries)
    try:
        session = Session()
        if keys is not None:
            session.set_credentials(keys.access_key_id, keys.secret_access_key, keys.session_token or None)
        where = region or environment.get("AWS_REGION") or session.get_config_variable("region")
        if not where:
            raise OrchestratorError(f"{purpose} has no region", "set its region, or AWS_REGION")
        _tell(session.get_credentials(), told)
        client = session.create_client(name, region_name=where, endpoint_url=endpoint or None, config=config)
    except (BotoCoreError, ValueError, OSError) as error:
        raise _unanswered(error) from None
    return Service(client)


def _tell(credentials: Any, told: Callable[[str], None]) -> None:
    if credentials is None:
        raise AwsError("sign-in", "NoCredentialsError")
    frozen = credentials.get_frozen_credentials()
    for value in (frozen.access_key, frozen.secret_key, frozen.token):
        if value:
            told(value)


def _understood(response: Mapping[str, Any]) -> AwsError:
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    shown = code if _CODE.fullmatch(code) else f"status {status}"
    if code in _SIGN_IN:
        return AwsError("sign-in", shown)
    if code in _RIGHTS:
        return AwsError("rights", shown)
    passing = status == 429 or status >= 500 or "Throttl" in code
    return AwsError("failed" if passing else "refused", shown)


def _unanswered(error: Exception) -> AwsError:
    name = type(error).__name__
    return AwsError("sign-in" if name in _UNSIGNED else "silent", name)
