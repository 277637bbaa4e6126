"""Table properties that tell people about a contract, by dativo's names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.contract.compiling.custom_properties import settings
from target_dativo_iceberg.contract.compiling.values import exact
from target_dativo_iceberg.contract.model import Kind
from target_dativo_iceberg.contract.reading.document import Place, plain, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_dativo_iceberg.contract.model import Field

# ODCS writes units of time freely; days in a unit, and its letter in an ISO 8601 duration.
_UNITS = {
    **dict.fromkeys(("", "d", "day", "days"), (1, "D")),
    **dict.fromkeys(("w", "week", "weeks"), (7, "W")),
    **dict.fromkeys(("m", "mo", "month", "months"), (30, "M")),
    **dict.fromkeys(("y", "yr", "year", "years"), (365, "Y")),
}


def table_properties(root: Place, table: Place, fields: tuple[Field, ...]) -> dict[str, str]:
    """Return the properties of one table, without those that have nothing to say.

    Args:
        root: the document, in canonical form, variables replaced.
        table: its schema object.
        fields: the compiled columns.

    """
    found = {
        **_classification(root, table, fields),
        **_governance(root, table),
        **_finops(root),
        **_asset(root, table),
        **_contract(root),
    }
    return {name: text for name, text in found.items() if text}


def listed(value: Any) -> str:
    """Return a value as property text: lists joined by commas."""
    if isinstance(value, list):
        return ",".join(listed(item) for item in value)
    if isinstance(value, dict):
        return ",".join(f"{key}={listed(item)}" for key, item in value.items())
    return written(value)


def _custom(place: Place, name: str) -> Any:
    custom = settings(place).get(name)
    return custom.block.get("value") if custom else None


def _classification(root: Place, table: Place, fields: tuple[Field, ...]) -> dict[str, str]:
    compliance = _custom(root, "compliance")
    general = compliance.get("classification") if isinstance(compliance, dict) else None
    first = general[0] if isinstance(general, list) and general else general
    default = _custom(table, "classification") or _custom(root, "classification") or first
    return {"classification.default": listed(default).lower()} | {
        f"classification.fields.{path}": field.classification for path, field in _walk(fields, "")
    }


def _walk(fields: tuple[Field, ...], path: str) -> Iterator[tuple[str, Field]]:
    for field in fields:
        yield f"{path}{field.name}", field
        if field.type.kind is Kind.STRUCT:
            yield from _walk(field.type.fields, f"{path}{field.name}.")


def _governance(root: Place, table: Place) -> dict[str, str]:
    tags = root.texts("tags")
    return {
        "governance.owner": _owner(root),
        "governance.domain": root.text("domain"),
        "governance.data_product": root.text("dataProduct"),
        "governance.regulations": ",".join(t.split(":", 1)[1] for t in tags if t.startswith("regulation:")),
        **_retention(root, table),
    }


def _owner(root: Place) -> str:
    team = root.child("team")
    if team is None:
        return ""
    for member in team.children("members"):
        if member.text("role").lower() in ("owner", "data owner"):
            return member.text("username") or member.text("name")
    return team.text("name")


def _retention(root: Place, table: Place) -> dict[str, str]:
    """The first retention that is about this table, or about no table in particular."""
    for sla in root.children("slaProperties"):
        if sla.text("property").lower() != "retention":
            continue
        owner, _, column = sla.text("element").rpartition(".")
        if owner and owner not in (table.text("name"), table.text("physicalName")):
            continue
        try:
            count, (days, letter) = exact(sla.block.get("value")), _UNITS[sla.text("unit").lower()]
        except (ValueError, KeyError):
            continue
        return {
            "governance.retention_days": str(math.ceil(count * days)),
            "sla.retention": f"P{count}{letter}",
            "sla.retention.column": column if owner else "",
        }
    return {}


def _finops(root: Place) -> dict[str, str]:
    value = plain(_custom(root, "finops"))
    return {f"finops.{key}": listed(item) for key, item in value.items()} if isinstance(value, dict) else {}


def _asset(root: Place, table: Place) -> dict[str, str]:
    return {
        "asset.name": root.text("name") or table.text("name"),
        "asset.version": root.text("version"),
        "asset.source_type": listed(_custom(root, "source_type")),
        "asset.object": listed(_custom(root, "object")),
    }


def _contract(root: Place) -> dict[str, str]:
    return {f"contract.{key}": root.text(key) for key in ("id", "version", "status")}
