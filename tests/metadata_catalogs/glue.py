"""A loopback Glue: databases and tables with versions; who asks must have signed."""

from __future__ import annotations

from typing import Any

from tests.metadata_catalogs.serving import Answer, Json, Serving

KEY, SECRET = "AKIAGLUECANARY00", "glue-secret/canary+1"


class Glue(Serving):
    """`tables` are table inputs by database and name, `moved` is how often another writer comes between."""

    def __init__(self) -> None:
        super().__init__()
        self.databases: set[str] = set()
        self.tables: dict[tuple[str, str], Json] = {}
        self.versions: dict[tuple[str, str], int] = {}
        self.moved = 0

    def put(self, database: str, table: Json) -> None:
        self.databases.add(database)
        key = database, table["Name"]
        self.tables[key] = table
        self.versions[key] = self.versions.get(key, 0) + 1

    def answer(self, method: str, path: str, query: dict[str, str], body: Json, headers: Any) -> Answer:
        if not headers.get("Authorization", "").startswith(f"AWS4-HMAC-SHA256 Credential={KEY}/"):
            return _refused("UnrecognizedClientException")
        match headers["X-Amz-Target"]:
            case "AWSGlue.GetTable":
                key = body["DatabaseName"], body["Name"]
                if key not in self.tables:
                    return _refused("EntityNotFoundException")
                about = {
                    "DatabaseName": key[0],
                    "VersionId": str(self.versions[key]),
                    "CreateTime": 1.0,
                    "CatalogId": "1",
                }
                found = {"Table": {**self.tables[key], **about}}
                if self.moved:
                    self.moved -= 1
                    theirs = {**self.tables[key].get("Parameters", {}), "metadata_location": f"s3://{self.moved}"}
                    self.put(key[0], {**self.tables[key], "Parameters": theirs})
                return 200, found
            case "AWSGlue.CreateDatabase":
                self.databases.add(body["DatabaseInput"]["Name"])
                return 200, {}
            case "AWSGlue.CreateTable":
                return self._create(body["DatabaseName"], body["TableInput"])
            case "AWSGlue.UpdateTable":
                return self._update(body)
        return _refused("UnknownOperationException")

    def _create(self, database: str, table: Json) -> Answer:
        if database not in self.databases:
            return _refused("EntityNotFoundException")
        if (database, table["Name"]) in self.tables:
            return _refused("AlreadyExistsException")
        self.put(database, table)
        return 200, {}

    def _update(self, body: Json) -> Answer:
        key = body["DatabaseName"], body["TableInput"]["Name"]
        if body["VersionId"] != str(self.versions[key]) or not body["SkipArchive"]:
            return _refused("ConcurrentModificationException")
        self.put(key[0], body["TableInput"])
        return 200, {}


def _refused(code: str) -> Answer:
    return 400, {"__type": code, "Message": "a message of the service with a canary"}
