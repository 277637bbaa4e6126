"""Plans of loads: the same code that routes, checks and evolves in a load, asked and not obeyed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg import log
from target_dativo_iceberg.contract import Contract, ContractSet, Field, load
from target_dativo_iceberg.contract.arrangement import dated
from target_dativo_iceberg.contract.evolution import plan
from target_dativo_iceberg.contract.reader import fold
from target_dativo_iceberg.contract.rules.check import Checker
from target_dativo_iceberg.contract.singer import Property, properties
from target_dativo_iceberg.contract.steps import AddColumn, Promote, Rekey, Relax, Rename, Step
from target_dativo_iceberg.contract.type_changes import type_name
from target_dativo_iceberg.errors import ContractError, EvolutionError, InputError
from target_dativo_iceberg.evolving import evolved
from target_dativo_iceberg.fitting import fitting
from target_dativo_iceberg.messages import Schema
from target_dativo_iceberg.partitions import order_text, partition_text, sort_text, spec_text
from target_dativo_iceberg.plan import Change, StreamPlan
from target_dativo_iceberg.read_only import existing_store
from target_dativo_iceberg.route import Contracts
from target_dativo_iceberg.settings import Settings
from target_dativo_iceberg.table_state import leeway_of, state_of
from target_dativo_iceberg.tables import FILLED

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata

_SHOWN = 20


class Planner:
    """Plans loads under some settings.

    Args:
        settings: of the target.

    Raises:
        ContractError: a contract document cannot be read.
        StoreError: the catalog did not answer.

    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._documents: ContractSet | None = load(settings.contract_path) if settings.contract_path else None
        self._contracts = Contracts(settings, self._documents)
        self._store = existing_store(settings, or_base=True)

    def of_schemas(self, schemas: Sequence[Schema]) -> list[StreamPlan]:
        """Plan the load of streams whose SCHEMA is known, after the user's stream maps."""
        return [self._planned(message, evident=True) for schema in schemas for message in self._mapped(schema)]

    def of_contracts(self) -> list[StreamPlan]:
        """Plan for each contract a stream that has just its columns."""
        found = []
        for contract in self._documents.contracts if self._documents else ():
            shape: dict[str, Any] = {"properties": {f.name: {} for f in contract.fields}}
            found += [self._planned(Schema(s, shape, ()), evident=False) for s in self._streams(contract)]
        return found

    def _streams(self, contract: Contract) -> list[str]:
        answers = {fold(name) for name in (contract.name, contract.physical_name) if name}
        return [s for s, name in self._settings.contract_map.items() if fold(name) in answers] or [contract.name]

    def _mapped(self, schema: Schema) -> list[Schema]:
        if not self._settings.mapping:
            return [schema]
        from target_dativo_iceberg.maps import StreamMaps  # noqa: PLC0415 - only for those who use maps

        return StreamMaps(self._settings.mapping).schemas(schema)

    def _planned(self, message: Schema, *, evident: bool) -> StreamPlan:
        identifier: tuple[str, ...] = ()
        with _heard() as warnings:
            try:
                contract = self._contract(message, evident=evident)
                identifier = self._contracts.identifier(message.stream, contract)
                identifier = self._fitting(message.stream, identifier, contract)
            except (ContractError, EvolutionError, InputError) as error:
                name = ".".join(identifier)
                return StreamPlan(message.stream, name, problems=(str(error),), warnings=tuple(warnings))
            table = self._store.load(identifier) if self._store else None
            contract = dated(contract, always=table is not None and FILLED in table.properties)
            made = _created(contract) if table is None else self._evolved(table, contract)
        held = f"{contract.id or contract.name} {contract.version}".strip() if not contract.inferred else ""
        named = replace(made, stream=message.stream, table=".".join(identifier), contract=held)
        return replace(named, warnings=tuple(warnings))

    def _contract(self, message: Schema, *, evident: bool) -> Contract:
        """Return the stream's contract after all that a load checks before the first record."""
        contract = self._contracts.contract(message)
        if evident:
            evidence = properties(message.stream, message.schema)
            self._contracts.check_evidence(message, contract, evidence)
            _warn_unknown(message.stream, contract, evidence)
        Checker(contract)
        return contract

    def _fitting(self, stream: str, identifier: tuple[str, ...], contract: Contract) -> tuple[str, ...]:
        """Return the table that a load would write; it has a name of its own, too."""
        found = fitting(self._store, identifier, contract) if self._store else identifier
        if found != identifier:
            self._contracts.claim(found, stream)
        return found

    def _evolved(self, table: Table, contract: Contract) -> StreamPlan:
        leeway, name = leeway_of(self._settings), ".".join(table.name())
        found = plan(state_of(table.metadata, name), contract, leeway)
        problems = [f"table {name} cannot take the rows of '{contract.name}': {text}" for text in found.problems]
        arranged: tuple[Change, ...] = ()
        try:
            # says the warnings, and what only tables know
            respec = self._settings.allow_partition_evolution
            after = evolved(table.transaction(), (contract,), leeway, respec=respec).table_metadata
            arranged = _rearranged(table.metadata, after)
        except EvolutionError as error:
            problems = problems or [str(error)]
        changes = (*(_change(step) for step in found.steps), *arranged)
        return StreamPlan("", changes=changes, columns=dict(found.columns), problems=tuple(problems))


def _created(contract: Contract) -> StreamPlan:
    columns = (Change("create_column", f.name, _shown(f, contract)) for f in contract.fields)
    arranged = _arranged(partition_text(contract), sort_text(contract))
    return StreamPlan("", creates=True, changes=(*columns, *arranged))


def _arranged(partitions: str, sort: str) -> Iterator[Change]:
    if partitions:
        yield Change("partition_by", "", partitions)
    if sort:
        yield Change("sort_by", "", sort)


def _rearranged(before: TableMetadata, after: TableMetadata) -> tuple[Change, ...]:
    """Return what the load would change of partitions and sort order, for new rows."""
    partitions = spec_text(after) if after.default_spec_id != before.default_spec_id else ""
    sort = order_text(after) if after.default_sort_order_id != before.default_sort_order_id else ""
    return tuple(replace(c, reason="for new rows") for c in _arranged(partitions, sort))


def _shown(field: Field, contract: Contract) -> str:
    key = " key" if field.name in contract.primary_key else ""
    return type_name(field.type) + (" required" if field.required else "") + key


def _change(step: Step) -> Change:
    column = ".".join(step.path)
    match step:
        case AddColumn():
            return Change("add_column", column, type_name(step.field.type), step.reason)
        case Promote():
            return Change("promote", column, type_name(step.type), step.reason)
        case Relax():
            return Change("relax", column, reason=step.reason)
        case Rename():
            return Change("rename", column, step.name, step.reason)
        case Rekey():
            return Change("rekey", to=", ".join(step.path), reason=step.reason)


def _warn_unknown(stream: str, contract: Contract, evidence: Mapping[str, Property]) -> None:
    unknown = sorted(evidence.keys() - {f.name for f in contract.fields})
    if unknown:
        log.say(f"stream '{stream}': members {unknown[:_SHOWN]} are not in the contract and are not written", "warning")


class _Ear(logging.Handler):
    """Keeps warnings instead of showing them."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.heard.append(record.getMessage())


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Collect what the target would warn of."""
    logger, ear = logging.getLogger(log.NAME), _Ear()
    before, logger.propagate = logger.propagate, False
    logger.addHandler(ear)
    try:
        yield ear.heard
    finally:
        logger.removeHandler(ear)
        logger.propagate = before
