"""A loopback Databricks workspace: tables that are there, tags, external metadata and external lineage."""

from __future__ import annotations

from typing import Any

from tests.metadata_catalogs.serving import Answer, Asked, Json, Serving

TOKEN = "dapi-of-databricks-1234"
_TAGS = "/api/2.1/unity-catalog/entity-tag-assignments"
_TABLES = "/api/2.1/unity-catalog/tables/"
_LINEAGE = "/api/2.0/lineage-tracking/"


class Unity(Serving):
    """`tables` are columns by full name, `tags` are values by kind, entity and key."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[str]] = {}
        self.tags: dict[tuple[str, str], dict[str, str]] = {}
        self.outside: dict[str, Json] = {}
        self.edges: dict[tuple[str, str], Json] = {}

    def answer(self, method: str, path: str, query: dict[str, str], body: Json, headers: Any) -> Answer:
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Asked(401, "Invalid access token")
        match method:
            case "GET" if path.startswith(_TABLES):
                return 200, self._table(path.removeprefix(_TABLES))
            case "GET" if path.startswith(_TAGS):
                kind, entity, _ = path.removeprefix(f"{_TAGS}/").split("/")
                found = self._of(kind, entity)
                return 200, {"tag_assignments": [{"tag_key": k, "tag_value": v} for k, v in found.items()]}
            case "POST" if path == _TAGS:
                return 200, self._assign(body, new=True)
            case "PATCH" if path.startswith(_TAGS) and query == {"update_mask": "tag_value"}:
                return 200, self._assign(body, new=False)
            case "POST" if path == f"{_LINEAGE}external-metadata":
                if body["name"] in self.outside:
                    raise Asked(409, "ALREADY_EXISTS")
                self.outside[body["name"]] = body
                return 200, body
            case "POST" if path == f"{_LINEAGE}external-lineage":
                return 200, self._edge(body)
        raise Asked(404, "ENDPOINT_NOT_FOUND")

    def _table(self, name: str) -> Json:
        if name not in self.tables:
            raise Asked(404, "TABLE_DOES_NOT_EXIST")
        return {"full_name": name, "columns": [{"name": one} for one in self.tables[name]]}

    def _of(self, kind: str, entity: str) -> dict[str, str]:
        table, _, column = entity.rpartition(".") if kind == "columns" else (entity, "", "")
        if table not in self.tables or (column and column not in self.tables[table]):
            raise Asked(404, "ENTITY_DOES_NOT_EXIST")
        return self.tags.setdefault((kind, entity), {})

    def _assign(self, body: Json, *, new: bool) -> Json:
        found, key = self._of(body["entity_type"], body["entity_name"]), body["tag_key"]
        if any(sign in key for sign in ".,-=/: "):
            raise Asked(400, "INVALID_PARAMETER_VALUE")
        if (key in found) == new:
            raise Asked(409 if new else 404)
        found[key] = body["tag_value"]
        return body

    def _edge(self, body: Json) -> Json:
        ends = body["source"]["external_metadata"]["name"], body["target"]["table"]["name"]
        if ends[0] not in self.outside or ends[1] not in self.tables:
            raise Asked(404, "NOT_FOUND")
        if ends in self.edges:
            raise Asked(409, "ALREADY_EXISTS")
        self.edges[ends] = body
        return body
