"""Jobs with a metadata catalog, and a push after a run that is told and not run."""

from __future__ import annotations

import io
import json
import threading
from typing import Any

from dativo_ingest.events import Events
from dativo_ingest.jobs import from_yaml
from dativo_ingest.metadata_catalogs.pushing import push
from dativo_ingest.ready import Ready, make_ready
from tests.dativo.project import Project
from tests.dativo.test_jobs import context
from tests.metadata_catalogs import glue as glue_server
from tests.metadata_catalogs import openmetadata as om_server
from tests.metadata_catalogs import unity as unity_server
from tests.metadata_catalogs.glue import Glue
from tests.metadata_catalogs.openmetadata import OpenMetadata
from tests.metadata_catalogs.unity import Unity

Said = list[dict[str, Any]]
BOTH = ["catalog_metadata_pushed", "catalog_lineage_pushed"]
VARIABLES = {
    "TOKEN": om_server.TOKEN,
    "DAPI": unity_server.TOKEN,
    "KEY": glue_server.KEY,
    "SECRET": glue_server.SECRET,
}
SCHEMA = [
    {"name": "id", "type": "integer", "required": True},
    {"name": "email", "type": "string", "required": True, "classification": "PII", "description": "Where to write to."},
    {"name": "amount", "type": "number", "logicalTypeOptions": {"precision": 12, "scale": 2}},
    {"name": "note", "type": "string"},
]
ABOUT = {
    "description": {"purpose": "Orders of the shop."},
    "compliance": {"classification": ["Internal"], "regulations": ["GDPR"], "retention_days": 30},
}


def report(table: str = "shop.orders", good: int = 3, **counts: int) -> dict[str, Any]:
    stream = {"stream": "orders", "table": table, "good": good, "deleted": 0, "marked_deleted": 0} | counts
    return {"run_id": "run-1", "status": "success", "streams": [stream]}


def made(project: Project, catalog: dict[str, Any], tenant: str = "acme", **changes: Any) -> Ready:
    project.asset(**{"schema": SCHEMA, **ABOUT, **changes.pop("asset", {})})
    job = project.job(tenant=tenant, catalog=catalog, **changes)
    return make_ready(from_yaml(job), context(project.folder, VARIABLES))


def pushed(ready: Ready, ran: dict[str, Any] | None = None, *, stopped: bool = False) -> Said:
    """Push, and return what was said; nothing of it is a secret or a server's words."""
    stream = io.StringIO()
    stop = threading.Event()
    if stopped:
        stop.set()
    push(ready, ran or report(), {}, stop, Events(stream=stream, level="DEBUG"))
    text = stream.getvalue()
    assert not [word for word in (om_server.TOKEN, unity_server.TOKEN, glue_server.SECRET, "canary") if word in text]
    return [json.loads(line) for line in text.splitlines()]


def names(said: Said) -> list[str]:
    return [one["event_type"] for one in said]


def of_openmetadata(server: OpenMetadata, **changes: Any) -> dict[str, Any]:
    connection = {"api_url": f"${{NOT_SET:-{server.url}}}/api", "auth_token": "${TOKEN}"}
    return {"type": "openmetadata", "connection": connection | changes.pop("connection", {})} | changes


def of_glue(server: Glue, **changes: Any) -> dict[str, Any]:
    keys = {"aws_access_key_id": "${KEY}", "aws_secret_access_key": "${SECRET}"}
    connection = {"region": "eu-west-1", "endpoint_url": server.url, **keys}
    return {"type": "aws_glue", "connection": connection} | changes


def of_unity(server: Unity, **changes: Any) -> dict[str, Any]:
    connection = {"workspace_url": server.url, "access_token": "${DAPI}", "catalog": "main", "warehouse_id": "w"}
    return {"type": "databricks_unity", "connection": connection} | changes
