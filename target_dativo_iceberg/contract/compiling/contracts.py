"""Canonical document → contracts, one per schema object."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.contract.arrangement import KNOWN, TRANSFORMS, arrangement, fault, transform
from target_dativo_iceberg.contract.compiling.custom_properties import Reading, chosen, policies, setting, settings
from target_dativo_iceberg.contract.compiling.fields import fields_of
from target_dativo_iceberg.contract.compiling.properties import table_properties
from target_dativo_iceberg.contract.compiling.quality import object_quality, unique_checks
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Note, Partition
from target_dativo_iceberg.contract.privacy.read import property_policies
from target_dativo_iceberg.contract.reading.document import Block, Place, nearest
from target_dativo_iceberg.contract.reading.lint import doubtful_columns, missing_parts
from target_dativo_iceberg.contract.reading.variables import expand
from target_dativo_iceberg.contract.steps import INCOMPATIBLE, MODES
from target_dativo_iceberg.contract.versions import COLUMNS, POLICIES, columns_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_dativo_iceberg.contract.reading.normalise import Canonical

_NESTED = frozenset({Kind.STRUCT, Kind.LIST, Kind.MAP})
_NO_KEY = _NESTED | {Kind.FLOAT, Kind.DOUBLE, Kind.JSON}
# Custom properties that describe the table (they become table properties) rather than set a policy.
_DESCRIBING = ("finops", "source_type", "object", "classification", "compliance", "change_management")
# Custom properties that set a policy of evolution, with the words they know.
_WORDS = {"evolution": MODES, "onIncompatible": INCOMPATIBLE, "contractVersionPolicy": POLICIES}


@dataclass(frozen=True, slots=True)
class Compiled:
    """The contracts of one document with the lines of their schema objects, and all notes about it."""

    contracts: tuple[Contract, ...]
    lines: tuple[int, ...]
    notes: tuple[Note, ...]


def compile_contracts(canonical: Canonical, sha256: str, environ: Mapping[str, str]) -> Compiled:
    """Return the contracts of a canonical document.

    Args:
        canonical: what `normalise` returned.
        sha256: of the document's bytes.
        environ: values of `${VAR}` references.

    Raises:
        ContractError: something that the load needs is missing, contradictory or cannot be enforced.

    """
    expanded = expand(canonical.root, canonical.source, environ) if canonical.expands_variables else canonical.root
    root = Place(expanded, canonical.source)
    notes = list(canonical.notes)
    tables = root.children("schema")
    if not tables:
        raise root.error("the schema is empty", "list at least one object with `properties:`", "schema")
    contracts = tuple(_contract(root, table, canonical, sha256, notes) for table in tables)
    return Compiled(contracts, tuple(table.line() for table in tables), (*notes, *missing_parts(root)))


def _contract(root: Place, table: Place, canonical: Canonical, sha256: str, notes: list[Note]) -> Contract:
    name = table.text("name")
    if not name.strip():
        raise table.error("a schema object has no name", "add `name:`")
    reading = Reading(name, notes, [])
    fields = fields_of(table, "", reading)
    if not fields:
        raise table.error(
            f"object '{name[:60]}' has no properties", "list its columns under `properties:`", "properties"
        )
    object_quality(table, [field.name for field in fields], reading)
    members = {place.text("name"): place for place in table.children("properties")}
    key = _primary_key(members, fields, reading)
    required = tuple(replace(field, required=field.required or field.name in key) for field in fields)
    made = Contract(
        name=name,
        fields=required,
        primary_key=key,
        physical_name=table.text("physicalName"),
        checks=unique_checks(reading.checks),
        description=table.text("description") or _purpose(root),
        id=root.text("id"),
        version=root.text("version"),
        api_version=canonical.api_version,
        status=root.text("status"),
        sha256=sha256,
        source=canonical.source,
        domain=root.text("domain"),
        policies=_policies(root, table),
        properties=table_properties(root, table, fields)
        | {"contract.sha256": sha256, COLUMNS: columns_text(required, key)}
        | ({"contract.api-version": canonical.api_version} if canonical.api_version else {}),
    )
    notes.extend(doubtful_columns(made, table))
    return _arranged(made, table, members, reading)


def _purpose(root: Place) -> str:
    description = root.block.get("description")
    return Place(description, root.source, "description").text("purpose") if isinstance(description, Block) else ""


# ---- keys ----


def _primary_key(members: Mapping[str, Place], fields: tuple[Field, ...], reading: Reading) -> tuple[str, ...]:
    """Return the names of the key columns in the order of their positions, those without one last."""
    found = []
    for index, field in enumerate(fields):
        place = members[field.name]
        _refuse_nested_keys(place, reading)
        if place.flag("primaryKey"):
            _refuse_unfit_key(place, field)
            found.append((_position(place, "primaryKeyPosition"), index, field.name))
    return tuple(name for _, _, name in sorted(found))


def _refuse_unfit_key(place: Place, field: Field) -> None:
    if field.type.kind in _NO_KEY:
        message = f"a column of type {field.type.kind.value} cannot be in the primary key"
        raise place.error(message, "choose a column of a plain type such as string or integer", "primaryKey")
    if place.block.get("required") is False:
        raise place.error("a key column is not required", "set `required: true` or remove primaryKey", "required")


def _refuse_nested_keys(place: Place, reading: Reading) -> None:
    for member in place.children("properties"):
        if member.flag("primaryKey"):
            reading.say(member, "primaryKey has no effect inside an object", "primaryKey")
        _refuse_nested_keys(member, reading)


def _position(place: Place, key: str) -> float:
    position = place.whole(key)
    return position if position is not None and position >= 0 else float("inf")


# ---- partitions and sort order ----


def _arranged(contract: Contract, table: Place, members: Mapping[str, Place], reading: Reading) -> Contract:
    """Return a contract with its partitions and sort order; lists of the object win over flags of its properties."""
    listed = {name: _listed(table, name) for name in ("partitionBy", "sortBy")}
    place = settings(table)
    try:
        given = arrangement(listed["partitionBy"], listed["sortBy"])
    except ValueError as error:
        at = next(place[name] for name, texts in listed.items() if texts)
        raise at.error(str(error), f"write a column, or a transform of one: {', '.join(KNOWN)}", "value") from None
    flagged = _partitions(members, contract.fields)
    if given.partitions and flagged and given.partitions != flagged:
        reading.say(place["partitionBy"], "partitionBy wins over 'partitioned' of the properties", "value")
    made = replace(contract, partitions=given.partitions or flagged, sort=given.sort)
    problem = fault(made.fields, made.partitions, made.sort)
    if problem is not None:
        where = place.get("partitionBy") or place.get("sortBy")
        hint = "name columns of this object, each with a transform that fits it"
        raise where.error(problem, hint, "value") if where else table.error(problem, hint, "properties")
    return made


def _listed(table: Place, name: str) -> tuple[str, ...]:
    """Return a custom property that is a list, or a text with commas."""
    custom = settings(table).get(name)
    if custom is None:
        return ()
    return tuple(part.strip() for text in custom.texts("value") for part in text.split(",") if part.strip())


def _partitions(members: Mapping[str, Place], fields: tuple[Field, ...]) -> tuple[Partition, ...]:
    found = []
    for index, field in enumerate(fields):
        place = members[field.name]
        if place.flag("partitioned") or setting(place, "partitionTransform"):
            position = _position(place, "partitionKeyPosition")
            found.append((position, index, Partition(field.name, _transform(place, field))))
    return tuple(partition for _, _, partition in sorted(found, key=lambda entry: entry[:2]))


def _transform(place: Place, field: Field) -> str:
    custom = settings(place).get("partitionTransform")
    where, key = (custom, "value") if custom else (place, "partitioned")
    text = setting(place, "partitionTransform") or "identity"
    try:
        found = transform(text)
    except ValueError as error:
        hint = nearest(text.partition("[")[0], KNOWN, f"use one of {', '.join(KNOWN)}")
        raise where.error(str(error), hint, key) from None
    name = found.partition("[")[0]
    if field.type.kind not in TRANSFORMS[name]:
        message = f"partition transform {name} does not fit a column of type {field.type.kind.value}"
        raise where.error(message, "choose another column or transform", key)
    return found


# ---- policies ----


def _policies(root: Place, table: Place) -> dict[str, Any]:
    """Return what the contract sets, the object's settings over the document's; `target.mode` is `evolution`."""
    found = {name: value for name, value in policies(root, table).items() if name not in _DESCRIBING}
    for place in (root, table):
        for name, known in _WORDS.items():
            chosen(place, name, known)
    found |= property_policies(table)
    target = found.get("target")
    if isinstance(target, dict):
        for key, name in (("mode", "evolution"), ("partitioning", "partition_by")):
            if target.get(key):
                found.setdefault(name, target[key])
    return found
