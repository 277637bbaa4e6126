"""OpenMetadata 1.5 and later over its REST API: tables, tags, owners, and lineage from the objects they were read from.

Services, databases, schemas and tags are made only where a table cannot be put without them, and never changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from dativo_ingest.asking import Server
from dativo_ingest.metadata_catalogs.connections import OpenMetadata
from dativo_ingest.metadata_catalogs.described import Described
from dativo_ingest.metadata_catalogs.openmetadata_columns import columns, label, primary_key
from dativo_ingest.metadata_catalogs.refusal import RefusedError, refused
from dativo_ingest.models.job import MetadataCatalog

Json = dict[str, Any]
_DONE = (200, 201)
# Type "Iceberg" is not in every version.
_SERVICE = "CustomDatabase"
_THERE = 409
_NOT_THERE = 404
_SETTING = "catalog.connection.api_url and auth_token"


class OpenMetadataCatalog:
    """One server; a tenant's tables are in a database of its name unless the job names one."""

    def __init__(self, connection: OpenMetadata, catalog: MetadataCatalog) -> None:
        self._connection = connection
        self._catalog = catalog
        self._server = Server("OpenMetadata", _base(connection.api_url), _SETTING, again=1)
        token = connection.auth_token
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._ids: dict[str, str] = {}

    def close(self) -> None:
        """Close its connections."""
        self._server.close()

    def describe(self, table: Described) -> str:
        """Put a table with its columns, tags and owner.

        Raises:
            OrchestratorError: the server does not answer, or refuses.

        """
        schema, name = self._place(table)
        classification = self._connection.classification
        body: Json = {
            "name": name,
            "tableType": "Iceberg",
            "databaseSchema": fqn(*schema),
            "columns": columns(table, classification),
            "tags": [label(classification, word) for word in table.labels()],
            **primary_key(table),
        }
        if table.contract.description:
            body["description"] = table.contract.description
        if owner := self._owner(table.owner):
            body["owners"] = [owner]
        if days := table.properties.get("governance.retention_days"):
            body["retentionPeriod"] = f"P{days}D"
        place = fqn(*schema, name)
        self._ids[place] = self._put_table(schema, body)
        return place

    def connect(self, table: Described) -> str:
        """Put the edge from the object that was read to the table, column by column where both are ours.

        Raises:
            OrchestratorError: the server does not answer, or refuses; or it does not know one of them.

        """
        schema, name = self._place(table)
        place = fqn(*schema, name)
        target = self._ids.get(place) or self._id_of(place)
        edge: Json = {"description": f"job {table.job} of dativo"}
        known = self._connection.sources.get(table.source_object)
        if known is not None:
            source = self._id_of(known)
        else:
            known, source = self._source(table)
            read = [
                {"fromColumns": [f"{known}.{fqn(one)}"], "toColumn": f"{place}.{fqn(one)}"}
                for one in table.read_columns
            ]
            edge["lineageDetails"] = {"columnsLineage": read}
        edge |= {"fromEntity": {"id": source, "type": "table"}, "toEntity": {"id": target, "type": "table"}}
        status, _ = self._ask("PUT", "lineage", {"edge": edge})
        if status not in _DONE:
            raise refused(status, f"the lineage of '{place}'", _SETTING)
        return f"{known} -> {place}"

    def _place(self, table: Described) -> tuple[tuple[str, str, str], str]:
        database = self._catalog.database or table.tenant
        return (self._connection.service, database, table.namespace), self._catalog.table_name or table.name

    def _source(self, table: Described) -> tuple[str, str]:
        """Put what was read as a table of its own, under a service for sources; return its name and id."""
        schema = (f"{self._connection.service}_sources", table.tenant, table.source_type)
        read = set(table.read_columns)
        body = {
            "name": table.source_object,
            "databaseSchema": fqn(*schema),
            "columns": [one for one in columns(table, "") if one["name"] in read],
        }
        return fqn(*schema, table.source_object), self._put_table(schema, body)

    def _put_table(self, schema: tuple[str, str, str], body: Json) -> str:
        status, answer = self._ask("PUT", "tables", body)
        if status == _NOT_THERE:
            self._make_room(schema, _tags(body))
            status, answer = self._ask("PUT", "tables", body)
        if status not in _DONE:
            raise refused(status, f"table '{fqn(*schema, body['name'])}'", _SETTING)
        return str(answer.get("id", ""))

    def _make_room(self, schema: tuple[str, str, str], tags: Iterable[str]) -> None:
        service, database, name = schema
        self._make("services/databaseServices", {"name": service, "serviceType": _SERVICE})
        self._make("databases", {"name": database, "service": fqn(service)})
        self._make("databaseSchemas", {"name": name, "database": fqn(service, database)})
        classification = self._connection.classification
        made = False
        for tag in tags:
            if not made:
                self._make("classifications", {"name": classification, "description": "Words of data contracts."})
                made = True
            self._make("tags", {"name": tag, "classification": fqn(classification), "description": "Of a contract."})

    def _make(self, kind: str, body: Json) -> None:
        status, _ = self._ask("POST", kind, body)
        if status not in (*_DONE, _THERE):
            raise refused(status, f"'{body['name']}' of {kind}", _SETTING)

    def _owner(self, owner: str) -> Json | None:
        """Return the user or team that a contract's owner is there; none if nobody is."""
        if not owner:
            return None
        user = owner.partition("@")[0].lower()
        for kind, type_, name in (("users", "user", user), ("teams", "team", owner)):
            status, answer = self._ask("GET", f"{kind}/name/{quote(fqn(name), safe='')}")
            if status in _DONE and answer.get("id"):
                return {"id": answer["id"], "type": type_}
        return None

    def _id_of(self, place: str) -> str:
        status, answer = self._ask("GET", f"tables/name/{quote(place, safe='')}")
        if status == _NOT_THERE:
            raise RefusedError(f"the catalog has no table '{place}'", "check push_metadata, and connection.sources")
        if status not in _DONE:
            raise refused(status, f"table '{place}'", _SETTING)
        return str(answer.get("id", ""))

    def _ask(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        status, answer = self._server.ask(method, f"/{path}", self._headers, body)
        if status == 401:
            raise refused(status, path, _SETTING)
        return status, answer


def fqn(*names: str) -> str:
    """Return a fully qualified name: a part with a dot or a quote in it is quoted."""
    return ".".join(_part(name) for name in names)


def _part(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"' if re.search(r'[."]', name) else name


def _base(address: str) -> str:
    """Return where the API begins, of the address of a server or of its `/api`."""
    trimmed = address.rstrip("/").removesuffix("/v1")
    return f"{trimmed}/v1" if urlsplit(trimmed).path.endswith("/api") else f"{trimmed}/api/v1"


def _tags(body: Json) -> Iterator[str]:
    """Yield the names of the tags of a table and its columns, each once."""
    yield from dict.fromkeys(_all_tags([body]))


def _all_tags(nodes: Sequence[Json]) -> Iterator[str]:
    for node in nodes:
        for tag in node.get("tags", ()):
            yield tag["tagFQN"].partition(".")[2]
        yield from _all_tags([*node.get("columns", ()), *node.get("children", ())])
