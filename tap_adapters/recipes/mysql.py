"""MySQL and MariaDB by pipelinewise-tap-mysql, a process of its own under its own licence (AGPL 3)."""

from __future__ import annotations

from typing import Any

from tap_adapters.cursors import pipelinewise
from tap_adapters.errors import SourceError
from tap_adapters.extractor import Extractor
from tap_adapters.recipes.plugin import Plugin, settings
from tap_adapters.recipes.tables import read_connection, read_tables, selection
from tap_adapters.source import Source
from tap_adapters.strategies import by_column

PLUGIN = Plugin(
    "tap-mysql",
    settings(
        "host",
        "user",
        "database",
        "filter_dbs",
        "engine",
        "ssl",
        "ssl_ca",
        "ssl_cert",
        "internal_hostname",
        secret=("password", "ssl_key"),
        integer=("port", "server_id"),
        boolean=("use_gtid",),
        array=("session_sqls",),
    ),
    package="pipelinewise-tap-mysql==1.6.0",
    renamed={"replication_method": None},
)
_CONNECTION: dict[str, str | None] = {
    "host": "host",
    "port": "port",
    "database": "database",
    "user": "user",
    "username": "user",
    "password": "password",
    "engine": "engine",
    "ssl": "ssl",
    "ssl_ca": "ssl_ca",
    "ssl_cert": "ssl_cert",
    "ssl_key": "ssl_key",
    "charset": None,
    "auth_plugin": None,
    "use_native_auth": None,
}
_SESSION = (
    'SET @@session.time_zone="+0:00"',
    "SET @@session.wait_timeout=28800",
    "SET @@session.net_read_timeout=3600",
    "SET @@session.innodb_lock_wait_timeout=3600",
    "SET NAMES utf8mb4",
)
"""The tap's own statements, and one more: without it the server sends `?` for characters outside the basic plane."""


def mysql(source: Source) -> Extractor:
    """Return the extractor of tables of a MySQL or MariaDB server.

    Raises:
        SourceError: what `source` says cannot be mapped.

    """
    given = PLUGIN.given(source, ("batch_size",))
    config = read_connection(source, _CONNECTION, ("host", "user")) | _certificates(source)
    config |= {"ssl": "true"} if config.get("ssl") in (True, "true") else {"ssl": None}
    tables = read_tables(source, source.connection.get("database"))
    replication = {
        table.stream: by_column(source.incremental, table.cursor, f"{table.place}.cursor_field", log=True)
        for table in tables
    }
    streams = {table.stream: table.object for table in tables}
    databases = ",".join(sorted({table.schema for table in tables}))
    defaults = {"port": 3306, "password": "", "filter_dbs": databases, "session_sqls": list(_SESSION)}
    return PLUGIN.extractor(
        source,
        pipelinewise(streams, {stream: one.key for stream, one in replication.items() if one.key}),
        config={**defaults, **config, **given},
        select=selection(source, tables, replication),
        replication=replication,
        streams=streams,
    )


def _certificates(source: Source) -> dict[str, Any]:
    """The tap wants the text of certificates and the key, users have files: paths are read, texts are passed on."""
    names = [name for name in ("ssl_ca", "ssl_cert", "ssl_key") if source.connection.get(name)]
    if names and len(names) < 3:
        raise SourceError("ssl_ca, ssl_cert and ssl_key are needed together", "source.connection", "give all three")
    found = {}
    for name in names:
        value = str(source.connection[name])
        try:
            found[name] = value if "-----BEGIN" in value else (source.folder / value).read_text()
        except OSError as error:
            raise SourceError(f"cannot be read: {error.strerror}", f"source.connection.{name}") from error
    return found
