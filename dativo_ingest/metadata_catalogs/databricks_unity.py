"""Unity Catalog over the workspace's REST API: tags of a table and its columns, and lineage from outside Databricks.

It describes tables that Unity Catalog has. Its own `owner` decides who may do what, so a contract's owner is a tag.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from dativo_ingest.asking import Server
from dativo_ingest.metadata_catalogs.connections import DatabricksUnity
from dativo_ingest.metadata_catalogs.described import Described
from dativo_ingest.metadata_catalogs.refusal import RefusedError, refused
from dativo_ingest.models.job import MetadataCatalog

Json = dict[str, Any]
_TABLES = "/api/2.1/unity-catalog/tables"
_TAGS = "/api/2.1/unity-catalog/entity-tag-assignments"
_LINEAGE = "/api/2.0/lineage-tracking"
_SYSTEMS = {"postgres": "POSTGRESQL", "mysql": "MYSQL"}
_DONE = (200, 201)
_THERE = 409
_NOT_THERE = 404
_LONGEST = 256
_SETTING = "catalog.connection.workspace_url and access_token"


class UnityCatalog:
    """One catalog of a metastore; the schema is the table's namespace unless the job names a database."""

    def __init__(self, connection: DatabricksUnity, catalog: MetadataCatalog) -> None:
        self._catalog = catalog
        self._in = connection.catalog
        self._server = Server("Unity Catalog", connection.workspace_url, _SETTING, again=1)
        self._headers = {"Authorization": f"Bearer {connection.access_token}"}

    def close(self) -> None:
        """Close its connections."""
        self._server.close()

    def describe(self, table: Described) -> str:
        """Tag a table with what its contract and the job say of it, and its columns with their classification.

        Raises:
            OrchestratorError: the server does not answer, or refuses; or it has no such table.

        """
        place = self._place(table)
        there = {str(one.get("name", "")).lower() for one in self._table(place).get("columns", ())}
        self._tag("tables", place, {_key(name): text[:_LONGEST] for name, text in table.properties.items()})
        for field in table.contract.fields:
            wanted = {_key(word): "" for word in field.tags}
            if word := table.classification(field):
                wanted["classification"] = word[:_LONGEST]
            if wanted and field.name.lower() in there:
                self._tag("columns", f"{place}.{field.name}", wanted)
        return place

    def connect(self, table: Described) -> str:
        """Put the object that was read as external metadata, and its lineage to the table.

        Raises:
            OrchestratorError: the server does not answer, or refuses.

        """
        place = self._place(table)
        source = ".".join(_key(part) for part in ("dativo", table.tenant, table.source_type, table.source_object))
        outside = {
            "name": source,
            "system_type": _SYSTEMS.get(table.source_type, "OTHER"),
            "entity_type": "Table" if table.source_type in _SYSTEMS else "Object",
            "columns": table.read_columns,
        }
        edge = {
            "source": {"external_metadata": {"name": source}},
            "target": {"table": {"name": place}},
            "columns": [{"source": one, "target": one} for one in table.read_columns],
        }
        for path, body in (("external-metadata", outside), ("external-lineage", edge)):
            status, _ = self._ask("POST", f"{_LINEAGE}/{path}", body)
            if status not in (*_DONE, _THERE):
                raise refused(status, f"the lineage of '{place}'", _SETTING)
        return f"{source} -> {place}"

    def _place(self, table: Described) -> str:
        schema = self._catalog.database or table.namespace.replace(".", "_")
        return f"{self._in}.{schema}.{self._catalog.table_name or table.name}"

    def _table(self, place: str) -> Json:
        status, answer = self._ask("GET", f"{_TABLES}/{quote(place, safe='')}")
        if status == _NOT_THERE:
            raise RefusedError(f"Unity Catalog has no table '{place}'", "check catalog.database and connection.catalog")
        if status not in _DONE:
            raise refused(status, f"table '{place}'", _SETTING)
        return answer

    def _tag(self, kind: str, place: str, wanted: Mapping[str, str]) -> None:
        """Set tags, only those that are not so yet; those of others stay."""
        path = f"{_TAGS}/{kind}/{quote(place, safe='')}/tags"
        status, answer = self._ask("GET", path)
        if status not in _DONE:
            raise refused(status, f"the tags of '{place}'", _SETTING)
        there = {one.get("tag_key"): one.get("tag_value", "") for one in answer.get("tag_assignments", ())}
        for key, text in wanted.items():
            body = {"entity_type": kind, "entity_name": place, "tag_key": key, "tag_value": text}
            if key not in there:
                status, _ = self._ask("POST", _TAGS, body)
            elif there[key] != text:
                status, _ = self._ask("PATCH", f"{path}/{quote(key, safe='')}?update_mask=tag_value", body)
            if status not in (*_DONE, _THERE):
                raise refused(status, f"tag '{key}' of '{place}'", _SETTING)

    def _ask(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        status, answer = self._server.ask(method, path, self._headers, body)
        if status == 401:
            raise refused(status, path, _SETTING)
        return status, answer


def _key(name: str) -> str:
    """Return a name as a tag's key, which has no dots, commas, dashes, signs or blanks."""
    return re.sub(r"[^\w]", "_", name)[:_LONGEST]
