"""Where a job's metadata catalog is, and how it is signed in to, by the catalog's type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from dativo_ingest.documents import Document, known_keys, nearest
from dativo_ingest.errors import Problem
from dativo_ingest.models import Job
from tap_adapters.shape import Shape, Text

Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+.*$")]
Secret = Annotated[str, Field(repr=False)]
_WAY = ("catalog", "connection")


class OpenMetadata(Shape):
    """An OpenMetadata server.

    `service` is the name of the database service that tables are put under, `classification` the one whose tags they
    get. `sources` names tables that OpenMetadata knows already, by the object that a job reads from them.
    """

    api_url: Address
    auth_token: Secret = ""
    service: Text = "dativo"
    classification: Text = "dativo"
    sources: dict[str, Text] = Field(default_factory=dict)


class AwsGlue(Shape):
    """A Glue Data Catalog; without keys the process's own sign-in is used."""

    region: str = ""
    aws_access_key_id: Secret = ""
    aws_secret_access_key: Secret = ""
    aws_session_token: Secret = ""
    catalog_id: str = ""
    endpoint_url: str = ""


class DatabricksUnity(Shape):
    """Unity Catalog of a Databricks workspace. `warehouse_id` is read and not needed: no SQL is run."""

    workspace_url: Address
    access_token: Secret
    catalog: Text
    warehouse_id: str = ""


class Nessie(Shape):
    """Nessie keeps what tables say of themselves; these keys are read and change nothing."""

    uri: str = ""
    branch: str = ""
    token: Secret = ""


Connection = OpenMetadata | AwsGlue | DatabricksUnity | Nessie
_KINDS: dict[str, type[OpenMetadata] | type[AwsGlue] | type[DatabricksUnity] | type[Nessie]] = {
    "openmetadata": OpenMetadata,
    "aws_glue": AwsGlue,
    "databricks_unity": DatabricksUnity,
    "nessie": Nessie,
}


def connection_of(job: Job, document: Document, mode: str, objects: int) -> tuple[Connection | None, list[Problem]]:
    """Return the connection of a job's catalog, and what is wrong with it.

    Args:
        job: variables replaced.
        document: its file.
        mode: `self_hosted` or `cloud`.
        objects: how many objects its asset has.

    """
    catalog = job.catalog
    if catalog is None:
        return None, []
    kind = _KINDS[catalog.type]
    try:
        found: Connection = kind.model_validate(catalog.connection)
    except ValidationError as error:
        return None, list(_wrong(kind, error, document))
    problems = []
    if isinstance(found, AwsGlue):
        problems += list(_wrong_keys(found, document, mode))
    if catalog.table_name and objects > 1:
        message = f"'table_name' is one name, and the asset has {objects} objects"
        problems.append(document.problem(("catalog", "table_name"), message, "leave it out"))
    return found, problems


def secrets_of(connection: Connection) -> Iterator[str]:
    """Yield what must not be shown."""
    for name, value in connection:
        if value and name.endswith(("_token", "token", "_key_id", "_access_key")):
            yield value


def address_of(connection: Connection) -> str:
    """Return where a catalog is, if its connection says so."""
    match connection:
        case OpenMetadata():
            return connection.api_url
        case AwsGlue():
            return connection.endpoint_url
        case DatabricksUnity():
            return connection.workspace_url
        case _:
            return ""


def _wrong(kind: type[Shape], error: ValidationError, document: Document) -> Iterator[Problem]:
    for detail in error.errors(include_url=False, include_input=False):
        way = (*_WAY, *detail["loc"])
        key = ".".join(map(str, way))
        if detail["type"] == "extra_forbidden":
            yield document.problem(way, f"key '{key}' is unknown", nearest(str(way[-1]), known_keys(kind, ())))
        elif detail["type"] == "missing":
            yield document.problem(_WAY, f"key '{key}' is missing", "add it")
        else:
            yield document.problem(way, f"'{key}' is not right", detail["msg"][:1].lower() + detail["msg"][1:])


def _wrong_keys(found: AwsGlue, document: Document, mode: str) -> Iterator[Problem]:
    """The process's own sign-in is the operator's: no job takes it elsewhere, and none in the cloud has it."""
    if bool(found.aws_access_key_id) != bool(found.aws_secret_access_key):
        hint = "set aws_access_key_id and aws_secret_access_key, or neither"
        yield document.problem(_WAY, "half a key is given", hint)
    elif not found.aws_access_key_id and (found.endpoint_url or mode == "cloud"):
        hint = "set aws_access_key_id and aws_secret_access_key"
        where = "with an endpoint_url" if found.endpoint_url else "in cloud mode"
        yield document.problem(_WAY, f"the process's own sign-in to AWS is not used {where}", hint)
