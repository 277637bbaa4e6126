"""A loopback OpenMetadata: it keeps entities by their full names, and refuses what the real one does."""

from __future__ import annotations

from typing import Any

from tests.metadata_catalogs.serving import Answer, Asked, Json, Serving

TOKEN = "jwt-of-openmetadata-1234"
_TABLE = {
    "name", "displayName", "description", "tableType", "columns", "tableConstraints", "owners", "databaseSchema",
    "tags", "retentionPeriod",
}  # fmt: skip
_COLUMN = {
    "name", "dataType", "arrayDataType", "dataLength", "precision", "scale", "dataTypeDisplay", "description", "tags",
    "constraint", "children",
}  # fmt: skip
_TYPES = {
    "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL", "STRING", "BOOLEAN", "DATE", "TIME", "TIMESTAMP", "TIMESTAMPZ",
    "UUID", "BYTES", "FIXED", "ARRAY", "MAP", "STRUCT", "JSON",
}  # fmt: skip
_PARENTS = {
    "services/databaseServices": None,
    "databases": ("service", "services/databaseServices"),
    "databaseSchemas": ("database", "databases"),
    "classifications": None,
    "tags": ("classification", "classifications"),
}


class OpenMetadata(Serving):
    """Entities by kind and full name; edges as they were put."""

    def __init__(self) -> None:
        super().__init__()
        self.there: dict[str, dict[str, Json]] = {kind: {} for kind in (*_PARENTS, "tables", "users", "teams")}
        self.edges: list[Json] = []

    def table(self, place: str) -> Json:
        return self.there["tables"][place]

    def answer(self, method: str, path: str, query: dict[str, str], body: Json, headers: Any) -> Answer:
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Asked(401, "Not authorized")
        path = path.removeprefix("/api/v1/")
        match method:
            case "GET":
                kind, _, name = path.partition("/name/")
                return 200, self._get(kind, name)
            case "POST" if path in _PARENTS:
                return 201, self._make(path, body)
            case "PUT" if path == "tables":
                return self._put_table(body)
            case "PUT" if path == "lineage":
                return self._put_edge(body["edge"])
        raise Asked(405)

    def _get(self, kind: str, name: str) -> Json:
        if name not in self.there.get(kind, {}):
            raise Asked(404, f"{kind} instance for {name} not found")
        return self.there[kind][name]

    def _make(self, kind: str, body: Json) -> Json:
        place = _quoted(body["name"])
        if (parent := _PARENTS[kind]) is not None:
            self._get(parent[1], body[parent[0]])
            place = f"{body[parent[0]]}.{place}"
        if body.get("serviceType", "CustomDatabase") not in ("CustomDatabase", "Postgres", "Mysql", "Glue"):
            raise Asked(400, "Cannot deserialize serviceType")
        if kind in ("classifications", "tags") and not body.get("description"):
            raise Asked(400, "description must not be null")
        if place in self.there[kind]:
            raise Asked(409, "Entity already exists")
        self.there[kind][place] = {"id": f"id of {place}", **body}
        return self.there[kind][place]

    def _put_table(self, body: Json) -> Answer:
        if unknown := body.keys() - _TABLE:
            raise Asked(400, f"Unrecognized field {unknown}")
        self._get("databaseSchemas", body["databaseSchema"])
        self._check(body["columns"], _labels(body))
        for owner in body.get("owners", ()):
            if not any(owner["id"] == one["id"] for one in self.there[f"{owner['type']}s"].values()):
                raise Asked(404, "owner not found")
        place = f"{body['databaseSchema']}.{_quoted(body['name'])}"
        old = self.there["tables"].get(place)
        self.there["tables"][place] = {"id": f"id of {place}", **body}
        return (201 if old is None else 200), self.there["tables"][place]

    def _check(self, columns: list[Json], labels: list[Json]) -> None:
        for column in columns:
            if column.keys() - _COLUMN or column["dataType"] not in _TYPES:
                raise Asked(400, "Unrecognized field, or type")
            if column["dataType"] == "ARRAY" and column.get("arrayDataType") not in _TYPES:
                raise Asked(400, "For column data type array, arrayDataType must not be null")
            if column["dataType"] == "STRUCT" and "children" not in column:
                raise Asked(400, "For column data type struct, children must not be null")
            labels += _labels(column)
            self._check(column.get("children", []), labels)
        for one in labels:
            if set(one) != {"tagFQN", "source", "labelType", "state"}:
                raise Asked(400, "tag")
            self._get("tags", one["tagFQN"])

    def _put_edge(self, edge: Json) -> Answer:
        known = {one["id"]: place for place, one in self.there["tables"].items()}
        ends = [edge[end]["id"] for end in ("fromEntity", "toEntity")]
        if not all(one in known for one in ends):
            raise Asked(404, "table instance not found")
        for pair in edge.get("lineageDetails", {}).get("columnsLineage", ()):
            for column, end in ((pair["fromColumns"][0], ends[0]), (pair["toColumn"], ends[1])):
                names = {f"{known[end]}.{_quoted(one['name'])}" for one in self.there["tables"][known[end]]["columns"]}
                if column not in names:
                    raise Asked(400, f"Invalid column name {column}")
        self.edges.append(edge)
        return 200, None


def _labels(node: Json) -> list[Json]:
    return list(node.get("tags", []))


def _quoted(name: str) -> str:
    return f'"{name}"' if "." in name else name
