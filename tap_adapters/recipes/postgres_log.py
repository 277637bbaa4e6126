"""PostgreSQL by its write-ahead log: pipelinewise-tap-postgres, a process of its own under its own licence (AGPL 3).

It tells the server to forget changes only up to the STATE that it was started with, so that a load which fails loses
none; meltanolabs-tap-postgres tells it as soon as it has read them.
"""

from __future__ import annotations

from tap_adapters.cursors import pipelinewise
from tap_adapters.errors import SourceError
from tap_adapters.extractor import Extractor
from tap_adapters.recipes.plugin import OPTIONS, Plugin, settings
from tap_adapters.recipes.tables import read_connection, read_tables, selection
from tap_adapters.source import Source
from tap_adapters.strategies import Replication

PLUGIN = Plugin(
    "tap-postgres",
    settings(
        "host",
        "user",
        "dbname",
        "filter_schemas",
        "ssl",
        "tap_id",
        "default_replication_method",
        secret=("password",),
        integer=("port", "max_run_seconds", "logical_poll_total_seconds", "itersize"),
        boolean=("break_at_end_lsn",),
    ),
    package="pipelinewise-tap-postgres==2.1.0",
    renamed={"replication_method": None, "replication_slot": None, "publication": None},
)
_DEFAULTS = {"port": 5432, "password": "", "logical_poll_total_seconds": 60}
"""Seconds without any change after which a run ends; the tap's own default is three hours."""
_CONNECTION: dict[str, str | None] = {
    "host": "host",
    "port": "port",
    "database": "dbname",
    "dbname": "dbname",
    "user": "user",
    "username": "user",
    "password": "password",
    "sslmode": "ssl",
    "ssl_mode": "ssl",
}


def postgres_log(source: Source) -> Extractor:
    """Return the extractor of tables read from the log, after all their rows were read once.

    Raises:
        SourceError: what `source` says cannot be mapped, or no replication slot of the job's own is named.

    """
    given = PLUGIN.given(source, ("batch_size",))
    config = read_connection(source, _CONNECTION, ("host", "database", "user"))
    if not given.get("tap_id"):
        raise SourceError(
            "strategy 'cdc' needs a replication slot of the job's own",
            f"{OPTIONS}.settings.tap_id",
            f"make the slot pipelinewise_{config['dbname']}_NAME for plugin wal2json, and give its NAME",
        )
    config["ssl"] = "true" if config.get("ssl", "disable") != "disable" else None
    tables = read_tables(source, "public")
    replication = {table.stream: Replication("LOG_BASED") for table in tables}
    streams = {table.stream: table.object for table in tables}
    schemas = ",".join(sorted({table.schema for table in tables}))
    return PLUGIN.extractor(
        source,
        pipelinewise(streams, {}),
        config={**_DEFAULTS, "filter_schemas": schemas, **config, **given},
        select=selection(source, tables, replication),
        replication=replication,
        streams=streams,
    )
