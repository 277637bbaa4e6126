"""dativo's forms of a contract → the shape of ODCS 3.2."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.contract.arrangement import INGEST_DATE, partition
from target_dativo_iceberg.contract.reading.document import Block, Items, Place, block, items, nearest
from target_dativo_iceberg.contract.reading.normalise_property import add_items, custom_properties
from target_dativo_iceberg.contract.reading.normalise_quality import quality_rule
from target_dativo_iceberg.contract.reading.vocabulary import ALL_OPTIONS, DATIVO, LOGICAL_TYPES, OPERATORS

if TYPE_CHECKING:
    from target_dativo_iceberg.contract.reading.normalise_quality import Rewriting

_TYPES: dict[str, dict[str, Any]] = {
    "integer": {"logicalType": "integer"},
    "int": {"logicalType": "integer"},
    "bigint": {"logicalType": "integer"},
    "float": {"logicalType": "number", "format": "f64"},
    "double": {"logicalType": "number", "format": "f64"},
    "timestamp": {"logicalType": "timestamp", "timezone": False},
    "datetime": {"logicalType": "timestamp", "timezone": False},
}
_AS_ODCS = LOGICAL_TYPES - {"timestamp", "map", "vector"}
_DECIMAL = re.compile(r"decimal ?\( ?[0-9]+ ?(?:, ?[0-9]+ ?)?\)", re.I)
_KNOWN = sorted({*_TYPES, *_AS_ODCS, "decimal(18,2)"})


# ---- asset: wrapper ----


def hoisted(root: Place) -> Block:
    """Return the document without its `asset:` wrapper; keys beside the wrapper stay where they are."""
    asset = root.child("asset")
    if asset is None:
        raise root.error("'asset' is empty", "indent the asset's keys under it", "asset")
    flat = asset.block.twin()
    for key, value in root.block.items():
        if key != "asset" and key not in flat:
            flat.put(key, value, root.line(key))
    return flat


def governed(root: Place) -> None:
    """Spread `governance` over the keys that the flat form has for it."""
    governance = root.child("governance")
    if governance is None:
        return
    line = root.line("governance")
    if governance.text("owner") and "team" not in root.block:
        root.block.put("team", block(governance.line("owner"), owner=governance.text("owner")), line)
    if "tags" in governance.block and "tags" not in root.block:
        root.block.put("tags", governance.block["tags"], governance.line("tags"))
    replaced = {k: governance.block[k] for k in ("classification", "retention_days") if k in governance.block}
    if replaced:
        given = root.child("compliance")
        compliance = given.block.twin() if given else Block(line)
        for key, value in replaced.items():
            compliance.put(key, value, governance.line(key))
        root.block.put("compliance", compliance, line)
    root.block.drop("governance")


# ---- flat schema ----


def columns_as_object(root: Place, rewriting: Rewriting) -> None:
    """Replace the flat list of columns by one schema object that holds them."""
    stream = root.text("object") or root.text("name")
    if not stream:
        raise root.error("the contract names no object", "add `object:` (the stream) or `name:`")
    line = root.line("schema")
    columns = [_column(place, rewriting) for place in root.children("schema")]
    table = root.text("name")
    made = block(line, name=stream, physicalType="table")
    if table:  # whatever the tap calls the stream that is mapped to it
        made.put("physicalName", table, root.line("name"))
    made.put("properties", items(line, columns))
    root.block.put("schema", items(line, [made]))


def _column(place: Place, rewriting: Rewriting) -> Block:
    if not place.text("name"):
        raise place.error("a column has no name", "add `name:`")
    column = place.block.twin()
    line = place.line("type")
    _move_options(column)
    for key, value in _logical(place, rewriting).items():
        if key in ALL_OPTIONS:
            _set_option(column, key, value, line)
        else:
            column.put(key, value, line)
    column.drop("type")
    return column


def _logical(place: Place, rewriting: Rewriting) -> dict[str, Any]:
    text = place.text("type") or "string"
    name = text.lower().strip()
    if name in _TYPES:
        return _TYPES[name]
    if _DECIMAL.fullmatch(name):
        return {"logicalType": "number", "physicalType": text}
    if name in _AS_ODCS:
        if name in ("object", "array"):
            rewriting.say(place, f"type '{name}' is stored as JSON text", "type")
        return {"logicalType": name}
    hint = nearest(name, _KNOWN, f"use one of {', '.join(_KNOWN)}")
    if name == "decimal":
        hint = "give its digits, such as decimal(18,2)"
    raise place.error(f"type '{place.shown('type')[:40]}' is not known", hint, "type")


def _move_options(column: Block) -> None:
    for key in sorted(ALL_OPTIONS & column.keys() - {"required"}):
        line = column.lines[key]
        _set_option(column, key, column.drop(key), line)


def _set_option(column: Block, key: str, value: Any, line: int) -> None:
    given = column.get("logicalTypeOptions")
    options = given.twin() if isinstance(given, Block) else Block(line)
    options.put(key, value, line)
    column.put("logicalTypeOptions", options, line)


# ---- the keys that dativo adds to ODCS ----


def extensions(root: Place, rewriting: Rewriting) -> None:
    """Rewrite dativo's top-level keys, in place of the given (already copied) root."""
    governed(root)
    _team(root, rewriting)
    _compliance(root, rewriting)
    _data_quality(root, rewriting)
    _target(root, rewriting)
    for key in ("target", "source_type", "object", "change_management", "finops"):
        if root.block.get(key) is not None:
            line = root.line(key)
            add_items(root.block, "customProperties", custom_properties(line, {key: root.block[key]}), line)
    for key in DATIVO & root.block.keys():
        root.block.drop(key)


def identity(root: Place) -> None:
    """Give a document an `id` that stays the same for the same domain and name, and dativo's reading of values."""
    if not root.text("id"):
        urn = f"urn:dativo:{root.text('domain')}:{root.text('name') or root.text('object')}"
        root.block.put("id", str(uuid.uuid5(uuid.NAMESPACE_URL, urn)))
    add_items(root.block, "customProperties", custom_properties(root.line(), {"usualCoercion": "dativo"}), root.line())


def _team(root: Place, rewriting: Rewriting) -> None:
    team = root.child("team") if isinstance(root.block.get("team"), Block) else None
    if team is None or not ({"owner", "roles"} & team.block.keys()):
        return
    line = root.line("team")
    members = [block(team.line("owner"), username=team.text("owner"), role="owner")] if team.text("owner") else []
    members += [_member(role) for role in team.children("roles")]
    if not team.text("owner"):
        rewriting.say(root, "'team' has no owner", "team", "warning")
    kept = team.block.twin()
    kept.drop("owner")
    kept.drop("roles")
    add_items(kept, "members", members, line)
    root.block.put("team", kept)


def _member(role: Place) -> Block:
    texts = {
        "username": role.text("email") or role.text("name"),
        "name": role.text("name"),
        "role": role.text("role"),
        "description": role.text("responsibility"),
    }
    return block(role.line(), **{key: value for key, value in texts.items() if value})


def _compliance(root: Place, rewriting: Rewriting) -> None:
    compliance = root.child("compliance")
    if compliance is None:
        return
    days = compliance.whole("retention_days")
    if days is not None:
        line = compliance.line("retention_days")
        add_items(root.block, "slaProperties", [block(line, property="retention", value=days, unit="d")], line)
    line = compliance.line("regulations")
    add_items(root.block, "tags", [f"regulation:{name}" for name in compliance.texts("regulations")], line)
    security = compliance.child("security")
    if security and security.flag("encryption_required") and not _encrypts(root):
        message = "encryption is required, but no column has an 'encryptedName'"
        rewriting.say(security, message, "encryption_required", "warning")
    rest = compliance.block.twin()
    rest.drop("retention_days")
    rest.drop("regulations")
    if rest:
        add_items(root.block, "customProperties", custom_properties(compliance.line(), {"compliance": rest}), 0)


def _encrypts(root: Place) -> bool:
    return any(p.text("encryptedName") for o in root.children("schema") for p in o.children("properties"))


def _target(root: Place, rewriting: Rewriting) -> None:
    """`target.partitioning` says how the table is partitioned, in order; dativo fills `ingest_date` itself."""
    target = root.child("target")
    texts = target.texts("partitioning") if target else ()
    if target is None or not texts or not root.children("schema"):
        return
    known = {column.text("name") for column in root.children("schema")[0].children("properties")} | {INGEST_DATE}
    kept = [text for text in texts if any(name in known for name in (text, _partitioned(text)))]
    for text in texts:
        if text not in kept:
            rewriting.say(target, f"'partitioning' names '{text}', which is no column here", "partitioning")
    if kept:
        line = target.line("partitioning")
        listed = Items(line)
        for text in kept:
            listed.put(text, line)
        first = root.children("schema")[0].block.twin()
        add_items(first, "customProperties", custom_properties(line, {"partitionBy": listed}), line)
        _replace_first(root, "customProperties", first["customProperties"])


def _partitioned(text: str) -> str:
    """Return the column in a text such as `day(placed_at)`; the text itself if it cannot be read."""
    try:
        return partition(text).field
    except ValueError:
        return text


def _replace_first(root: Place, key: str, value: Items) -> None:
    """Replace a key of the first schema object."""
    objects = root.block["schema"].twin()
    objects[0] = objects[0].twin()
    objects[0].put(key, value)
    root.block.put("schema", objects)


# ---- data_quality ----


def _data_quality(root: Place, rewriting: Rewriting) -> None:
    given = root.child("data_quality")
    if given is None:
        return
    _expectations(root, given, rewriting)
    support = []
    monitoring = given.child("monitoring")
    if monitoring:
        rotation = monitoring.text("oncall_rotation")
        if rotation:
            support.append(block(monitoring.line(), channel=rotation, description="on-call rotation"))
        elif monitoring.flag("enabled"):
            rewriting.say(monitoring, "monitoring is enabled without an 'oncall_rotation'", level="warning")
    alerts = given.child("alerts")
    if alerts:
        line = alerts.line("channels")
        support += [block(line, channel=channel, description="alerts") for channel in alerts.texts("channels")]
    add_items(root.block, "support", support, given.line())


def _expectations(root: Place, given: Place, rewriting: Rewriting) -> None:
    rules = [_expectation(place, rewriting) for place in given.children("expectations")]
    if rules and root.children("schema"):
        first = root.children("schema")[0].block.twin()
        add_items(first, "quality", rules, given.line("expectations"))
        _replace_first(root, "quality", first["quality"])


def _expectation(place: Place, rewriting: Rewriting) -> Block:
    line = place.line()
    about: dict[str, Any] = {key: place.block.get(key) for key in ("name", "description", "severity")}
    operators = {key: place.block[key] for key in place.block if key.startswith("must") or key in OPERATORS}
    if place.text("query") and operators:
        return quality_rule(line, type="sql", query=place.text("query"), **operators, **about)
    if place.text("expression"):
        # The engine that runs it is locked down and takes one SELECT; the contract's author wrote both halves.
        query = f"SELECT count(*) FROM {{object}} WHERE ({place.text('expression')}) IS NOT TRUE"  # noqa: S608
        return quality_rule(line, type="sql", query=query, mustBe=0, **about)
    if place.text("type").startswith("expect_"):
        implementation = place.block.twin()
        return quality_rule(line, type="custom", engine="greatExpectations", implementation=implementation, **about)
    rewriting.say(place, "the expectation has no query, expression or known type; it is not enforced", level="warning")
    about["description"] = about["description"] or "an expectation that is not enforced"
    return quality_rule(line, type="text", **about)
