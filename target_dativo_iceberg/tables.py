"""Tables: where a contract's rows go, and how their files are written."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.table import CreateTableTransaction, StagedTable, Table, Transaction
from sqlalchemy.exc import IntegrityError

from target_dativo_iceberg.arranged import Waiting
from target_dativo_iceberg.catalogs import open_branch, open_catalog
from target_dativo_iceberg.checkpoint import CHECKPOINT
from target_dativo_iceberg.contract.arrangement import INGEST_DATE, dated, is_dated
from target_dativo_iceberg.contract.model import Contract
from target_dativo_iceberg.contract.stable_names import STABLE_IDS, stable_ids
from target_dativo_iceberg.errors import SettingsError, StoreError
from target_dativo_iceberg.evolving import evolved
from target_dativo_iceberg.files import FileTarget
from target_dativo_iceberg.history import without_history
from target_dativo_iceberg.iceberg_types import iceberg_schema
from target_dativo_iceberg.partitions import file_order, order_of, spec_of
from target_dativo_iceberg.store_check import check_store
from target_dativo_iceberg.store_errors import store_errors
from target_dativo_iceberg.table_state import columns_of, leeway_of

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.schema import Schema
    from pyiceberg.table.metadata import TableMetadata

    from target_dativo_iceberg.settings import Settings

Identifier = tuple[str, ...]
# Names the column that the target fills in a table.
FILLED = "dativo.filled-column"
_LEAST_WAITING = 16 << 20
_MIB = 1 << 20
_NEW_TABLE_PROPERTIES = {
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "20",
}


@dataclass(frozen=True, slots=True)
class Destination:
    """A table as this epoch will leave it.

    Attributes:
        identifier: namespace parts and table name.
        contracts: those it is written by in this epoch, in order; each may evolve it further. None where rows of the
            table itself are written again.
        table: the table as loaded, or staged when it does not exist yet.
        creates: the publish creates it.
        metadata: its metadata after all evolution; data files are written by its schema, partition spec and order.
        columns: contract column → the table's column for its values, where that has another name.
        settings: how its files are written.

    """

    identifier: Identifier
    contracts: tuple[Contract, ...]
    table: Table
    creates: bool
    metadata: TableMetadata
    columns: Mapping[str, str]
    settings: Settings = field(repr=False)

    @property
    def schema(self) -> Schema:
        """The schema that data files are written with."""
        return self.metadata.schema()

    @property
    def evolves(self) -> bool:
        """Whether the publish changes columns, partitions or order of a table that exists."""
        return _layout(self.metadata) != _layout(self.table.metadata)


def _layout(metadata: TableMetadata) -> tuple[Schema, int, int]:
    return metadata.schema(), metadata.default_spec_id, metadata.default_sort_order_id


class Store:
    """An open catalog.

    Args:
        catalog: PyIceberg's.
        settings: where tables go and how files are written.

    Attributes:
        checkpoints: by table and property name, the checkpoints as this run last saw or wrote them.
        waiting: rows that wait for the others of their partition.

    """

    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self.catalog = catalog
        self._settings = settings
        self._namespaces: set[Identifier] = set()
        self._remembered: set[Identifier] = set()
        self._tried = False
        self.checkpoints: dict[tuple[Identifier, str], str] = {}
        self.leeway = leeway_of(settings)
        self.waiting = Waiting(max(_LEAST_WAITING, settings.room // 8))
        self._date = datetime.now(UTC).date()

    def load(self, identifier: Identifier) -> Table | None:
        """Return a table as it is now, or None.

        Raises:
            StoreError: the catalog did not answer.

        """
        with store_errors(f"loading table {'.'.join(identifier)}"):
            try:
                return self.catalog.load_table(identifier)
            except NoSuchTableError:
                return None

    def identifiers(self, namespace: Identifier) -> list[Identifier]:
        """Return the tables of a namespace; none if it does not exist.

        Raises:
            StoreError: the catalog did not answer.

        """
        with store_errors(f"listing tables of namespace {'.'.join(namespace)}"):
            try:
                return [tuple(found) for found in self.catalog.list_tables(namespace)]
            except NoSuchNamespaceError:
                return []

    def destination(
        self,
        identifier: Identifier,
        contract: Contract,
        before: Destination | None,
        settings: Settings | None = None,
    ) -> Destination:
        """Return where a contract's rows go and what the publish must change there.

        Args:
            identifier: the table.
            contract: whose rows are to be written.
            before: the same table's destination under an earlier contract of the same epoch.
            settings: of the stream; those of the run when none are given.

        Raises:
            EvolutionError: the table cannot take the contract's rows.
            StoreError: the catalog did not answer, or nothing can be written to the file store.

        """
        settings = settings or self._settings
        found = self.load(identifier) if before is None else before.table
        contract = dated(contract, always=found is not None and FILLED in found.properties)
        staged = self._staged(identifier, contract, settings.table_properties) if found is None else None
        if found is None and staged is None:
            found = self.load(identifier)
        if found is not None and identifier not in self._remembered:
            self._see(identifier, found)
        table = found or staged
        if table is None:
            raise StoreError(f"table {'.'.join(identifier)} was made and dropped meanwhile", "run again")
        if not self._tried:
            check_store(table)
            self._tried = True
        creates = before.creates if before else found is None
        contracts = (*(before.contracts if before else ()), contract)
        start = table.transaction() if isinstance(table, StagedTable) else without_history(table).transaction()
        after = self.evolved(start, contracts).table_metadata
        columns = columns_of(after, contract, self.leeway)
        return Destination(identifier, contracts, table, creates, after, columns, settings)

    def evolved(self, transaction: Transaction, contracts: Iterable[Contract]) -> Transaction:
        """Apply to a transaction what its table needs for each contract in turn, as far as the settings let it.

        Raises:
            EvolutionError: the table cannot take a contract's rows.

        """
        return evolved(transaction, contracts, self.leeway, respec=self._settings.allow_partition_evolution)

    def _see(self, identifier: Identifier, table: Table) -> None:
        """Keep the checkpoints a table has when this run first looks at it."""
        self._remembered.add(identifier)
        found = {k: v for k, v in table.properties.items() if k.startswith(CHECKPOINT)}
        self.checkpoints |= {(identifier, k): v for k, v in found.items()}

    def remember(self, identifiers: Iterable[Identifier], key: str, text: str) -> None:
        """Keep a checkpoint that this run has published."""
        for identifier in identifiers:
            self._remembered.add(identifier)
            self.checkpoints[identifier, key] = text

    def _staged(self, identifier: Identifier, contract: Contract, own: Mapping[str, str]) -> StagedTable | None:
        """Return a table to be created, or None when another writer has created it meanwhile."""
        self._make_namespace(identifier[:-1])
        properties = _NEW_TABLE_PROPERTIES | contract_properties(contract) | dict(own)
        with store_errors(f"preparing table {'.'.join(identifier)}"):
            try:
                schema = iceberg_schema(contract)
                transaction = self.catalog.create_table_transaction(
                    identifier,
                    schema,
                    partition_spec=spec_of(contract, schema),
                    sort_order=order_of(contract, schema),
                    properties=properties,
                )
            except TableAlreadyExistsError:
                return None
        staged = transaction._table
        assert isinstance(staged, StagedTable)
        return staged

    def _make_namespace(self, namespace: Identifier) -> None:
        if namespace in self._namespaces:
            return
        if len(namespace) > 1 and isinstance(self.catalog, SqlCatalog):
            raise SettingsError(
                f"namespace '{'.'.join(namespace)}' has more than one part, which SQL catalogs do not have",
                "set 'namespace' to one name, or use a catalog that has namespaces in namespaces",
            )
        with (
            store_errors(f"creating namespace {'.'.join(namespace)}"),
            suppress(IntegrityError),  # in a SQL catalog: another run made it at the same moment
        ):
            self.catalog.create_namespace_if_not_exists(namespace)
        self._namespaces.add(namespace)

    def on_branch(self, branch: str) -> Store:
        """Return the same tables on another Nessie branch; what was seen of checkpoints goes along."""
        other = Store(open_branch(self._settings, branch), self._settings)
        other._remembered, other.checkpoints = set(self._remembered), dict(self.checkpoints)
        return other

    def set_property(self, identifier: Identifier, name: str, value: str) -> None:
        """Set a table property, with an empty append, since Nessie checks only snapshots for conflicts."""
        table = self.load(identifier)
        if table is None:
            return
        with store_errors(f"marking table {'.'.join(identifier)}"), table.transaction() as transaction:
            transaction.set_properties({name: value})
            with transaction.update_snapshot().fast_append():
                pass

    def file_target(self, destination: Destination, prefix: str) -> FileTarget:
        """Return how to write a destination's data files; `prefix` starts their names and must be unique."""
        metadata = destination.metadata
        filled = any(is_dated(contract) for contract in destination.contracts[-1:])
        fills = {INGEST_DATE: pa.scalar(self._date, pa.date32())} if filled else {}
        return FileTarget(
            table=".".join(destination.identifier),
            io=destination.table.io,
            locations=destination.table.location_provider(),
            schema=destination.schema,
            columns=destination.columns,
            spec=metadata.spec(),
            order=file_order(metadata),
            properties=dict(metadata.properties),
            fills=fills,
            compression=destination.settings.compression,
            target_bytes=destination.settings.target_file_size_mb * _MIB,
            prefix=f"{prefix}-{uuid.uuid4().hex[:8]}",
        )


# ---- what a table says of itself ----


def contract_properties(contract: Contract) -> dict[str, str]:
    """Return the table properties that describe the contract to people and to the next plan."""
    ids = stable_ids(contract)
    filled = {FILLED: INGEST_DATE} if is_dated(contract) else {}
    comment = {"comment": contract.description} if contract.description else {}
    return dict(contract.properties) | comment | filled | ({STABLE_IDS: ids} if ids else {})


def created(staged: Table) -> CreateTableTransaction:
    """Return a fresh transaction that creates a staged table."""
    assert isinstance(staged, StagedTable)
    return CreateTableTransaction(staged)


def open_store(settings: Settings) -> Store:
    """Open the catalog that the settings name.

    Raises:
        SettingsError: the warehouse cannot be written or the catalog's properties are refused.
        StoreError: the catalog did not answer.

    """
    return Store(open_catalog(settings), settings)
