"""After a run that published: its metadata catalog is told of the tables. What fails is said, and changes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dativo_ingest.errors import OrchestratorError, unforeseen
from dativo_ingest.events import Events
from dativo_ingest.metadata_catalogs.connections import AwsGlue, Connection, DatabricksUnity, OpenMetadata, secrets_of
from dativo_ingest.metadata_catalogs.described import Described, published
from dativo_ingest.metadata_catalogs.refusal import RefusedError
from dativo_ingest.models.job import MetadataCatalog
from dativo_ingest.ready import Ready

_SECONDS = 60.0


class Catalog(Protocol):
    """A metadata catalog that is signed in to. Both calls return what they wrote to, for people.

    They raise RefusedError for what is about this table alone, else OrchestratorError.
    """

    def describe(self, table: Described) -> str:
        """Write columns, tags and owner of a table."""

    def connect(self, table: Described) -> str:
        """Write where the rows of a table come from."""

    def close(self) -> None:
        """Close its connections."""


def push(
    ready: Ready, report: Mapping[str, Any], environment: Mapping[str, str], stop: threading.Event, events: Events
) -> None:
    """Tell a job's catalog of the tables that a run changed, within a minute or so.

    Args:
        ready: the job.
        report: the target's run report, of a run that did not fail.
        environment: of this process.
        stop: no further call is made once it is set.
        events: are told what was pushed (`catalog_metadata_pushed`, `catalog_lineage_pushed`) and what was not
            (`catalog_push_failed`).

    """
    catalog, connection = ready.job.catalog, ready.catalog
    if catalog is None or connection is None:
        return
    events = events.about(catalog=catalog.type)
    try:
        tables = list(published(ready, report))
        if tables:
            _push(catalog, connection, tables, environment, stop, events)
    except OrchestratorError as error:
        events.warn("catalog_push_failed", str(error))
    except Exception as error:  # the run is over and stays what it was, whatever fault of ours this is
        events.warn("catalog_push_failed", str(unforeseen(error)))


def _push(
    catalog: MetadataCatalog,
    connection: Connection,
    tables: list[Described],
    environment: Mapping[str, str],
    stop: threading.Event,
    events: Events,
) -> None:
    for secret in secrets_of(connection):
        events.redactor.learn(secret)
    opened = _opened(catalog, connection, environment, events)
    if opened is None:
        events.say("catalog_metadata_pushed", "nothing is pushed to Nessie: its tables hold their metadata")
        return
    deadline = time.monotonic() + _SECONDS
    try:
        for table in tables:
            for wanted, work, event, what in (
                (catalog.push_metadata, opened.describe, "catalog_metadata_pushed", "metadata"),
                (catalog.push_lineage, opened.connect, "catalog_lineage_pushed", "lineage"),
            ):
                if stop.is_set():
                    return
                if time.monotonic() > deadline:
                    raise OrchestratorError(f"the push took longer than {_SECONDS:g} s", "look at the catalog's server")
                if wanted:
                    _pushed(work, table, event, what, events)
    finally:
        opened.close()


def _pushed(work: Callable[[Described], str], table: Described, event: str, what: str, events: Events) -> None:
    try:
        place = work(table)
    except RefusedError as error:
        events.warn("catalog_push_failed", f"{what} of table '{table.title}': {error}", table=table.title)
        return
    events.say(event, f"{what} of table '{table.title}' is pushed to {place}", table=table.title, pushed_to=place)


def _opened(
    catalog: MetadataCatalog, connection: Connection, environment: Mapping[str, str], events: Events
) -> Catalog | None:
    match connection:
        case OpenMetadata():
            from dativo_ingest.metadata_catalogs.openmetadata import OpenMetadataCatalog  # noqa: PLC0415 - one of three

            return OpenMetadataCatalog(connection, catalog)
        case AwsGlue():
            from dativo_ingest.metadata_catalogs.aws_glue import GlueCatalog  # noqa: PLC0415 - as above

            return GlueCatalog(connection, catalog, environment, events.redactor.learn)
        case DatabricksUnity():
            from dativo_ingest.metadata_catalogs.databricks_unity import UnityCatalog  # noqa: PLC0415 - as above

            return UnityCatalog(connection, catalog)
        case _:
            return None
