"""PostgreSQL by cursor: meltanolabs-tap-postgres, a process of its own under its own licence (Elastic 2.0)."""

from __future__ import annotations

from tap_adapters.cursors import sdk
from tap_adapters.extractor import Extractor
from tap_adapters.recipes.plugin import Plugin, settings
from tap_adapters.recipes.postgres_log import postgres_log
from tap_adapters.recipes.tables import read_connection, read_tables, selection
from tap_adapters.source import Source
from tap_adapters.strategies import BY_LOG, by_column

PLUGIN = Plugin(
    "tap-postgres",
    settings(
        "host",
        "user",
        "database",
        "ssl_mode",
        "ssl_certificate_authority",
        "ssl_client_certificate",
        "ssl_storage_directory",
        secret=("password", "sqlalchemy_url", "ssl_client_private_key"),
        integer=("port", "max_record_count"),
        boolean=(
            "ssl_enable",
            "ssl_client_certificate_enable",
            "dates_as_string",
            "json_as_object",
            "use_singer_decimal",
        ),
        array=("filter_schemas",),
        object=("stream_options", "ssh_tunnel", "stream_maps", "stream_map_config", "batch_config"),
    ),
    package="meltanolabs-tap-postgres==0.10.0",
    renamed={"replication_method": None, "replication_slot": None, "publication": None},
)
_CONNECTION: dict[str, str | None] = {
    "host": "host",
    "port": "port",
    "database": "database",
    "dbname": "database",
    "user": "user",
    "username": "user",
    "password": "password",
    "dsn": "sqlalchemy_url",
    "sslmode": "ssl_mode",
    "ssl_mode": "ssl_mode",
    "ssl_ca": "ssl_certificate_authority",
    "ssl_cert": "ssl_client_certificate",
    "ssl_key": "ssl_client_private_key",
}


def postgres(source: Source) -> Extractor:
    """Return the extractor of tables of a PostgreSQL database.

    Raises:
        SourceError: what `source` says cannot be mapped.

    """
    if source.incremental and source.incremental.strategy in BY_LOG:
        return postgres_log(source)
    given = PLUGIN.given(source, ("batch_size",))
    required = () if source.connection.get("dsn") else ("host", "database", "user")
    config = read_connection(source, _CONNECTION, required)
    if "ssl_mode" in config and config["ssl_mode"] == "disable":
        del config["ssl_mode"]
    config |= {"ssl_enable": True} if {"ssl_mode", "ssl_certificate_authority"} & config.keys() else {}
    config |= {"ssl_client_certificate_enable": True} if "ssl_client_certificate" in config else {}
    tables = read_tables(source, "public")
    replication = {
        table.stream: by_column(source.incremental, table.cursor, f"{table.place}.cursor_field") for table in tables
    }
    streams = {table.stream: table.object for table in tables}
    keys = {stream: one.key for stream, one in replication.items() if one.key}
    schemas = sorted({table.schema for table in tables})
    return PLUGIN.extractor(
        source,
        sdk(streams, keys),
        config={"filter_schemas": schemas, **config, **given},
        select=selection(source, tables, replication),
        replication=replication,
        streams=streams,
    )
