"""AWS Secrets Manager, signed in by botocore's chain of credentials (extra `[aws]`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dativo_ingest.aws import AwsError, Service, service
from dativo_ingest.errors import OrchestratorError
from dativo_ingest.secrets.asking import name_of, refused
from dativo_ingest.secrets.bundle import Secrets
from dativo_ingest.secrets.gathering import gathered, insist
from dativo_ingest.secrets.settings import AwsSecret, AwsSettings, settings

_CREDENTIALS = "the credentials of the environment (AWS_PROFILE, AWS_ACCESS_KEY_ID, the machine's role)"
_PLACE = "settings 'region_name' and 'endpoint_url'"


def from_aws(tenant: str, environment: Mapping[str, str], config: str | None, told: Callable[[str], None]) -> Secrets:
    """Read the tenant's secrets.

    Raises:
        OrchestratorError: settings are wrong, the extra is missing, or the service does not answer or refuses.

    """
    wanted = settings(AwsSettings, config, environment)
    insist("aws", wanted)
    region, endpoint = wanted.region_name, wanted.endpoint_url
    try:
        opened = service("secretsmanager", name_of("aws"), environment, told, region=region, endpoint=endpoint)
    except AwsError as error:
        raise _refusal(error, "") from None
    with opened as manager:

        def ask(place: str, entry: AwsSecret | None) -> bytes | str:
            return _payload(manager, place, entry)

        return gathered("aws", tenant, wanted, wanted.secrets, ask)


def _payload(manager: Service, place: str, entry: AwsSecret | None) -> bytes | str:
    """Return the bytes of a secret, or a warning that there are none."""
    given = {"VersionStage": entry.version_stage, "VersionId": entry.version_id} if entry is not None else {}
    which = {key: value for key, value in given.items() if value}
    try:
        found = manager.call("get_secret_value", SecretId=place, **which)
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            version = [f" in {key} '{value}'" for key, value in which.items()]
            return f"aws has no secret '{place}'{''.join(version)}"
        # What AWS says of a secret that was deleted, until it is gone.
        if error.code == "InvalidRequestException":
            return f"secret '{place}' of aws cannot be read in its present state, as one that is to be deleted"
        raise _refusal(error, place) from None
    text = found.get("SecretString")
    payload = text.encode() if isinstance(text, str) else found.get("SecretBinary")
    if not isinstance(payload, bytes):
        raise refused("aws", f"answers no payload for '{place}'", "setting 'endpoint_url'")
    return payload


def _refusal(error: AwsError, place: str) -> OrchestratorError:
    match error.kind:
        case "sign-in":
            return refused("aws", f"cannot be signed in to ({error.code})", _CREDENTIALS)
        case "rights":
            return refused("aws", f"refuses '{place}' ({error.code})", "the policy of the sign-in, and the templates")
        case "refused":
            return refused("aws", f"refuses '{place}' ({error.code})", "settings 'version_id' and 'version_stage'")
        case "failed":
            return refused("aws", f"fails ({error.code})", f"the service, and {_PLACE}")
        case _:
            return refused("aws", f"does not answer ({error.code})", _PLACE)
