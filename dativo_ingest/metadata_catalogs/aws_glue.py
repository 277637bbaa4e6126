"""AWS Glue's Data Catalog: parameters, columns and owner of a table. Where the rows come from is a parameter too.

An Iceberg table that Glue keeps is described and no more: its columns and its pointer are its writers'. Each change is
sent with the version that was read, so that it never takes back a commit that came between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dativo_ingest.aws import AwsError, Keys, Service, service
from dativo_ingest.errors import OrchestratorError
from dativo_ingest.metadata_catalogs.column_types import hive_type
from dativo_ingest.metadata_catalogs.connections import AwsGlue
from dativo_ingest.metadata_catalogs.described import Described
from dativo_ingest.metadata_catalogs.refusal import RefusedError
from dativo_ingest.models.job import MetadataCatalog

Json = dict[str, Any]
_LONGEST = 255
_NOT_THERE = "EntityNotFoundException"
_THERE = "AlreadyExistsException"
_MOVED = "ConcurrentModificationException"
_TRIES = 3
# What GetTable gives and UpdateTable takes.
_KEPT = (
    "Name",
    "Description",
    "Owner",
    "LastAccessTime",
    "LastAnalyzedTime",
    "Retention",
    "StorageDescriptor",
    "PartitionKeys",
    "ViewOriginalText",
    "ViewExpandedText",
    "TableType",
    "Parameters",
    "TargetTable",
)


class GlueCatalog:
    """One Data Catalog; tables that it does not keep are put into a database of the tenant and the namespace."""

    def __init__(
        self,
        connection: AwsGlue,
        catalog: MetadataCatalog,
        environment: Mapping[str, str],
        told: Callable[[str], None],
    ) -> None:
        self._catalog = catalog
        self._common = {"CatalogId": connection.catalog_id} if connection.catalog_id else {}
        keys = Keys(connection.aws_access_key_id, connection.aws_secret_access_key, connection.aws_session_token)
        try:
            self._glue: Service = service(
                "glue",
                "metadata catalog 'aws_glue'",
                environment,
                told,
                region=connection.region,
                endpoint=connection.endpoint_url,
                keys=keys if keys.access_key_id else None,
                tries=2,
            )
        except AwsError as error:
            raise _wrong(error, "") from None

    def close(self) -> None:
        """Close its connections."""
        self._glue.close()

    def describe(self, table: Described) -> str:
        """Write a table's parameters, comments and owner; its columns too where Glue does not keep the table.

        Raises:
            OrchestratorError: Glue does not answer, or refuses.

        """
        parameters = {
            **table.properties,
            "dativo.tenant": table.tenant,
            "dativo.job": table.job,
            "dativo.last_run_id": table.run_id,
            "dativo.last_run_rows": str(table.rows),
        }

        def changed(found: Json) -> Json:
            made = {**found, "Parameters": {**found.get("Parameters", {}), **parameters}}
            if table.owner:
                made["Owner"] = table.owner[:_LONGEST]
            if table.contract.description:
                made["Description"] = table.contract.description[:2048]
            made["StorageDescriptor"] = _columns(found, table)
            return made

        return self._changed(table, changed)

    def connect(self, table: Described) -> str:
        """Write where a table's rows come from into its parameters: Glue has no lineage.

        Raises:
            OrchestratorError: Glue does not answer, or refuses.

        """
        upstream = {"dativo.source_type": table.source_type, "dativo.source_object": table.source_object}
        return self._changed(table, lambda found: {**found, "Parameters": {**found.get("Parameters", {}), **upstream}})

    def _changed(self, table: Described, change: Callable[[Json], Json]) -> str:
        """Change a table as it is now, or make it; again where another writer was quicker."""
        database, name = self._place(table)
        place = f"{database}.{name}"
        try:
            for _ in range(_TRIES):
                found = self._read(database, name)
                try:
                    if found is None:
                        self._create(database, change({"Name": name, "TableType": "EXTERNAL_TABLE"}))
                    else:
                        self._update(database, found, change({k: found[k] for k in _KEPT if k in found}))
                except AwsError as error:
                    if error.code not in (_MOVED, _THERE):
                        raise
                else:
                    return place
        except AwsError as error:
            raise _wrong(error, place) from None
        raise RefusedError(f"table '{place}' of Glue changes all the time", "the next run describes it")

    def _place(self, table: Described) -> tuple[str, str]:
        """Glue's names are lower case; of tables it does not keep, tenants' are apart."""
        own = table.namespace if table.kept_in == "glue" else f"{table.tenant}_{table.namespace.replace('.', '_')}"
        return (self._catalog.database or own).lower(), (self._catalog.table_name or table.name).lower()

    def _read(self, database: str, name: str) -> Json | None:
        try:
            found: Json = self._glue.call("get_table", DatabaseName=database, Name=name, **self._common)["Table"]
        except AwsError as error:
            if error.code == _NOT_THERE:
                return None
            raise
        return found

    def _create(self, database: str, table: Json) -> None:
        try:
            self._glue.call("create_table", DatabaseName=database, TableInput=table, **self._common)
        except AwsError as error:
            if error.code != _NOT_THERE:
                raise
            self._glue.call("create_database", DatabaseInput={"Name": database}, **self._common)
            self._glue.call("create_table", DatabaseName=database, TableInput=table, **self._common)

    def _update(self, database: str, found: Json, table: Json) -> None:
        version = {"VersionId": found["VersionId"]} if found.get("VersionId") else {}
        self._glue.call(
            "update_table", DatabaseName=database, TableInput=table, SkipArchive=True, **version, **self._common
        )


def _columns(found: Json, table: Described) -> Json:
    """Return a table's storage with its columns: of one that Glue keeps for its writers, only comments are ours."""
    storage: Json = found.get("StorageDescriptor", {})
    own = {field.name.lower(): _column(field.name, table) for field in table.contract.fields}
    if found.get("Parameters", {}).get("table_type", "").upper() != "ICEBERG":
        return {**storage, "Columns": list(own.values())}
    theirs = []
    for column in storage.get("Columns", []):
        ours = own.get(column["Name"].lower(), {})
        said = {"Comment": ours["Comment"]} if "Comment" in ours else {}
        parameters = {**column.get("Parameters", {}), **ours.get("Parameters", {})}
        theirs.append({**column, **said, **({"Parameters": parameters} if parameters else {})})
    return {**storage, "Columns": theirs}


def _column(name: str, table: Described) -> Json:
    field = next(one for one in table.contract.fields if one.name == name)
    found: Json = {"Name": name.lower(), "Type": hive_type(field.type)}
    if field.description:
        found["Comment"] = field.description[:_LONGEST]
    if word := table.classification(field):
        found["Parameters"] = {"classification": word}
    return found


def _wrong(error: AwsError, place: str) -> OrchestratorError:
    if error.kind in ("rights", "refused"):
        return RefusedError(f"Glue refuses '{place}' ({error.code})", "check the rights of the sign-in")
    what = {"sign-in": "cannot be signed in to", "failed": "fails"}.get(error.kind, "does not answer")
    return OrchestratorError(f"Glue {what} ({error.code})", "check catalog.connection")
