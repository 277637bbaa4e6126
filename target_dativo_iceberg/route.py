"""Which contract a stream is held to and which table it goes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from target_dativo_iceberg import log, names
from target_dativo_iceberg.contract.arrangement import KNOWN, Arrangement, arrangement, fault
from target_dativo_iceberg.contract.model import Contract, ContractSet, Field, Kind, Type
from target_dativo_iceberg.contract.policy import check_stated, evolves_unknown
from target_dativo_iceberg.contract.record_metadata import DELETED_AT, with_deletes, with_metadata
from target_dativo_iceberg.contract.record_metadata import NAMES as METADATA
from target_dativo_iceberg.contract.settling import read_as, usual_of
from target_dativo_iceberg.contract.singer import Property, contract_of
from target_dativo_iceberg.errors import ContractError, InputError, SettingsError
from target_dativo_iceberg.messages import Schema
from target_dativo_iceberg.names import QUARANTINE as SUFFIX
from target_dativo_iceberg.settings import Settings
from target_dativo_iceberg.stream_settings import overriding

# Settings that a stream's contract carries to where its table is changed.
_TABLE_POLICIES = {"evolution", "on_incompatible", "contract_version_policy", "allow_partition_evolution"}
_STRUCTURES = {"object", "array"}
_SCALARS = {"string", "integer", "number", "boolean"}
# JSON types of which no value can become one of a kind; a plain value never comes from a structure.
_NEVER: Mapping[Kind, set[str]] = {
    Kind.STRING: set(),
    Kind.JSON: set(),
    Kind.STRUCT: _SCALARS | {"array"},
    Kind.MAP: _SCALARS | {"array"},
    Kind.LIST: _SCALARS | {"object"},
}


class Contracts:
    """The contracts of a run.

    Args:
        settings: where contracts are and how streams map to them.
        documents: the contracts that were read; None when no contract_path is set.

    Raises:
        SettingsError: `partition_by` or `sort_by` cannot be read, or `on_violation` states what cannot be.

    """

    def __init__(self, settings: Settings, documents: ContractSet | None = None) -> None:
        self._settings = settings
        for variant in settings.variants():
            check_stated(variant.on_violation)
            _arrangement_of(variant)
        self._documents = documents
        self._names = names.Names()

    @property
    def documented(self) -> tuple[Contract, ...]:
        """The contracts that were read, whichever stream they are for."""
        return self._documents.contracts if self._documents is not None else ()

    def contract(self, message: Schema) -> Contract:
        """Return the contract of a stream: from the documents, else what its SCHEMA amounts to.

        Raises:
            ContractError: require_contract is set and no document covers the stream, or its settings are wrong; or it
                has no column that `partition_by` or `sort_by` names, or one that does not fit.
            InputError: the SCHEMA cannot be read.

        """
        settings = self._settings.of(message.stream)
        found = _with_metadata(self._found(message, settings), message, settings)
        contract = read_as(found, usual_of(settings))
        contract = self._stated(_arranged(contract, message.stream, settings), message.stream)
        return _upserted(contract, message.stream) if settings.load_method == "upsert" else contract

    def _stated(self, contract: Contract, stream: str) -> Contract:
        """Let a contract say how far it may change its table as the stream's settings do, unless it says so itself."""
        own = overriding(self._settings.stream_settings, stream)
        stated = {name: value for name, value in own.items() if name in _TABLE_POLICIES}
        return replace(contract, policies=stated | contract.policies) if stated else contract

    def _found(self, message: Schema, settings: Settings) -> Contract:
        chosen = self._chosen(message.stream)
        if chosen is not None:
            _check_status(chosen, settings)
            return _extended(_keyed(chosen, message), message, settings)
        if settings.require_contract:
            raise ContractError(
                f"no contract covers stream '{message.stream}'",
                "add one, map it by contract_map, or unset require_contract",
            )
        if self._documents is None:
            log.once("no contract_path: the SCHEMA of each stream is its contract", level="info")
        else:
            log.once(f"stream '{message.stream}': no contract covers it, its SCHEMA is the contract", level="info")
        contract = contract_of(message.stream, message.schema, message.key_properties)
        if not contract.fields:
            raise InputError(f"SCHEMA of stream '{message.stream}' has no property", "select one in the tap's catalog")
        _refuse_case_twins(contract)
        return contract

    def _chosen(self, stream: str) -> Contract | None:
        if self._documents is None:
            return None
        from target_dativo_iceberg.contract import choose  # noqa: PLC0415 - only when there are documents

        return choose(self._documents, stream, self._settings.contract_map)

    def identifier(self, stream: str, contract: Contract) -> tuple[str, ...]:
        """Return the stream's table.

        Raises:
            InputError: another stream has the same table.

        """
        namespace = names.namespace(self._settings.namespace or contract.domain or "default")
        table = names.table_name(contract.physical_name or stream, self._settings.table_prefix)
        identifier = (*namespace, table)
        self.claim(identifier, stream)
        return identifier

    def claim(self, identifier: tuple[str, ...], stream: str) -> None:
        """Reserve a table, and the one for its rejected records, for a stream.

        Raises:
            InputError: another stream has it.

        """
        self._names.claim(identifier, stream)
        self._names.claim((*identifier[:-1], identifier[-1] + SUFFIX), stream)

    @staticmethod
    def check_evidence(message: Schema, contract: Contract, evidence: Mapping[str, Property]) -> None:
        """Refuse before any row what no row of the stream could satisfy.

        Raises:
            ContractError: a required column is not in the SCHEMA, or none at all, or the type of one there can never
                become the contract's.

        """
        for field in contract.fields:
            found = evidence.get(field.name)
            if found is None and field.required:
                raise ContractError(
                    f"stream '{message.stream}': the contract requires '{field.name}', which the SCHEMA does not have",
                    "select the column in the tap, or mend the contract",
                )
            carried = (found.json_types - {"null"}) if found else frozenset()
            if carried and carried <= _NEVER.get(field.type.kind, _STRUCTURES):
                raise ContractError(
                    f"stream '{message.stream}': column '{field.name}' is {field.type.kind.value} in the contract and "
                    f"{'/'.join(sorted(carried))} in the SCHEMA",
                    "mend the contract or the tap's catalog",
                )
        old = [f.name for f in contract.fields if f.deprecated and f.name in evidence]
        if old:
            log.once(f"stream '{message.stream}': columns {old} are deprecated in the contract; they are still written")
        wanted = {f.name for f in contract.fields if not f.filled} - METADATA
        if wanted and not wanted & evidence.keys():
            raise ContractError(
                f"stream '{message.stream}': the SCHEMA has none of the contract's columns: every row would be null",
                "compare the header or columns of the source with the contract, and select them in the tap",
            )
        missing = sorted({f.name for f in contract.fields} - evidence.keys() - METADATA)
        if missing:
            log.once(f"stream '{message.stream}': the SCHEMA lacks {missing}; they are written as null")


def _arrangement_of(settings: Settings) -> Arrangement:
    try:
        return arrangement(settings.partition_by, settings.sort_by)
    except ValueError as error:
        hint = f"write a column, or a transform of one: {', '.join(KNOWN)}"
        raise SettingsError(f"setting 'partition_by' or 'sort_by' is refused: {error}", hint) from None


def _arranged(contract: Contract, stream: str, settings: Settings) -> Contract:
    """Lay the table out as the settings say, where the contract does not."""
    usual = _arrangement_of(settings)
    partitions = contract.partitions or usual.partitions
    sort = contract.sort or usual.sort
    problem = fault(contract.fields, partitions, sort)
    if problem is not None:
        raise ContractError(
            f"stream '{stream}': {problem}", "mend partition_by and sort_by, or the contract, or select the column"
        )
    return replace(contract, partitions=partitions, sort=sort)


def _with_metadata(contract: Contract, message: Schema, settings: Settings) -> Contract:
    """Add the columns of record metadata; to an upsert at least the one by which the tap tells of deleted rows.

    Raises:
        ContractError: the contract has one of them as another type.

    """
    deletes = settings.load_method == "upsert" and DELETED_AT in (message.schema.get("properties") or {})
    try:
        if settings.add_record_metadata:
            return with_metadata(contract)
        return with_deletes(contract) if deletes else contract
    except ValueError as error:
        hint = "mend the contract, or leave the column out of it"
        raise ContractError(f"stream '{message.stream}': {error}", hint) from None


def _upserted(contract: Contract, stream: str) -> Contract:
    """Return a contract whose key identifies rows: it may come again, and is never null.

    Raises:
        ContractError: there is no key.

    """
    if not contract.primary_key:
        raise ContractError(
            f"stream '{stream}' has no key, which load_method upsert needs",
            "give it key_properties in the tap or a primary key in the contract, or load it append-only",
        )
    fields = tuple(replace(f, required=f.required or f.name in contract.primary_key) for f in contract.fields)
    return replace(contract, fields=fields, keys_repeat=True)


def _check_status(contract: Contract, settings: Settings) -> None:
    """Refuse a retired contract, and one that is not active yet if the settings say so."""
    status = contract.status.lower()
    if status in ("", "active"):
        return
    message = f"contract '{contract.name}' has status '{status}'"
    if status == "retired":
        raise ContractError(message, "load by its successor")
    if settings.require_active and status != "deprecated":
        raise ContractError(message, "activate it, or unset require_active")
    log.once(message)


def _extended(contract: Contract, message: Schema, settings: Settings) -> Contract:
    """Under evolution `relaxed` or `unknown_field: evolve`, add what only the SCHEMA has, as optional columns."""
    relaxed = contract.policies.get("evolution", settings.evolution) == "relaxed"
    if not relaxed and not evolves_unknown(settings.on_violation, contract):
        return contract
    known = {f.name.lower() for f in contract.fields} | (METADATA if settings.add_record_metadata else set())
    known |= {DELETED_AT} if settings.load_method == "upsert" else set()
    seen = contract_of(message.stream, message.schema, ())
    extra = tuple(replace(f, required=False) for f in seen.fields if f.name.lower() not in known)
    return replace(contract, fields=contract.fields + extra)


def _keyed(contract: Contract, message: Schema) -> Contract:
    """Use the SCHEMA's keys when the contract has none; when both have keys the contract's win."""
    keys = message.key_properties
    if contract.primary_key:
        if keys and set(keys) != set(contract.primary_key):
            log.once(f"stream '{message.stream}': key_properties differ from the contract's primary key, which is used")
        return contract
    known = {f.name for f in contract.fields}
    if not keys or not set(keys) <= known:
        return contract
    fields = tuple(replace(f, required=f.required or f.name in keys) for f in contract.fields)
    return replace(contract, fields=fields, primary_key=tuple(keys), keys_repeat=True)


def _refuse_case_twins(contract: Contract) -> None:
    """Refuse names that engines cannot tell apart: by case, at every level, or a dotted name beside a member."""
    seen: dict[str, str] = {}
    for path in _paths(contract.fields, ""):
        other = seen.setdefault(path.lower(), path)
        if other != path:
            raise InputError(
                f"stream '{contract.name}': properties '{shown(other)}' and '{shown(path)}' differ only by case",
                "rename one with stream_maps",
            )
    dotted = [
        path
        for path in (p for p in _paths(contract.fields, "") if "\0" in p)
        if path.replace("\0", ".").lower() in {f.name.lower() for f in contract.fields}
    ]
    if dotted:
        raise InputError(
            f"stream '{contract.name}': property '{dotted[0].replace(chr(0), '.')}' is also a member of another",
            "rename one with stream_maps",
        )


def shown(path: str) -> str:
    """Return a path as people write it."""
    return path.replace("\0", ".")


def _paths(fields: Sequence[Field], prefix: str) -> Iterator[str]:
    """Yield the path of every member, levels apart by NUL, which no name holds."""
    for field in fields:
        yield prefix + field.name
        yield from _inside(field.type, f"{prefix}{field.name}\0")


def _inside(type_: Type, prefix: str) -> Iterator[str]:
    yield from _paths(type_.fields, prefix)
    if type_.item is not None:
        yield from _inside(type_.item.type, f"{prefix}[]\0")
