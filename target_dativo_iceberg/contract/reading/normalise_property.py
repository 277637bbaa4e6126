"""Properties of any ODCS version → the shape of ODCS 3.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.contract.reading.date_patterns import has_time
from target_dativo_iceberg.contract.reading.document import Block, Items, Place, block, items
from target_dativo_iceberg.contract.reading.normalise_quality import canonical_rules
from target_dativo_iceberg.contract.reading.physical_types import physical

if TYPE_CHECKING:
    from target_dativo_iceberg.contract.reading.normalise_quality import Rewriting

_FLAGS = ("required", "unique", "primaryKey", "partitioned", "criticalDataElement", "deprecated")
# YAML 1.1 readers take these for booleans, so their authors may have meant it.
_SPOKEN = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}


def canonical_property(place: Place, rewriting: Rewriting) -> Block:
    """Return a property, with everything nested in it, in the shape of 3.2."""
    prop = Place(place.block.twin(), place.source, place.path)
    _flags(prop, rewriting)
    listed_custom(prop, rewriting)
    _options(prop, rewriting)
    _enum(prop, rewriting)
    if rewriting.version <= (3, 0):
        _instant(prop, rewriting)
    if prop.block.get("quality") is not None:
        prop.block.put("quality", canonical_rules(prop, rewriting))
    _nested(prop, rewriting)
    return prop.block


def canonical_object(place: Place, rewriting: Rewriting) -> Block:
    """Return a schema object in the shape of 3.2."""
    schema_object = Place(place.block.twin(), place.source, place.path)
    listed_custom(schema_object, rewriting)
    if schema_object.block.get("quality") is not None:
        schema_object.block.put("quality", canonical_rules(schema_object, rewriting))
    _nested(schema_object, rewriting)
    return schema_object.block


def custom_properties(line: int, values: dict[str, Any]) -> list[Block]:
    """Return `customProperties` items of vendor dativo."""
    return [block(line, property=key, value=value, vendor="dativo") for key, value in values.items()]


def add_items(owner: Block, key: str, added: list[Any], line: int) -> None:
    """Append to the list under a key, without changing a list that other mappings may share."""
    if not added:
        return
    existing = owner.get(key)
    grown = existing.twin() if isinstance(existing, Items) else Items(line)
    for value in added:
        grown.put(value, value.line if isinstance(value, Block) else line)
    owner.put(key, grown, owner.lines.get(key, line))


def _nested(prop: Place, rewriting: Rewriting) -> None:
    if prop.block.get("properties") is not None:
        members = [canonical_property(member, rewriting) for member in prop.children("properties")]
        prop.block.put("properties", items(prop.line("properties"), members))
    element = prop.child("items")
    if element:
        prop.block.put("items", canonical_property(element, rewriting))
    entry = prop.child("map")
    if entry:
        twin = entry.block.twin()
        for key in ("key", "value"):
            part = entry.child(key)
            if part:
                twin.put(key, canonical_property(part, rewriting))
        prop.block.put("map", twin)


def _flags(prop: Place, rewriting: Rewriting) -> None:
    for key in _FLAGS:
        value = prop.block.get(key)
        spoken = _SPOKEN.get(value.lower()) if isinstance(value, str) else None
        if spoken is not None:
            rewriting.say(prop, f"'{key}' is a text; it is read as {str(spoken).lower()}", key, "warning")
            prop.block.put(key, spoken)


def listed_custom(prop: Place, rewriting: Rewriting) -> None:
    """Turn `customProperties` written as a mapping into the list that ODCS has."""
    given = prop.block.get("customProperties")
    if isinstance(given, Block):
        rewriting.say(prop, "'customProperties' is a mapping; it is read as a list", "customProperties", "warning")
        listed = [block(given.lines[key], property=key, value=value) for key, value in given.items()]
        prop.block.put("customProperties", items(given.line, listed))


# ---- logicalTypeOptions ----


def _options(prop: Place, rewriting: Rewriting) -> None:
    given = prop.child("logicalTypeOptions")
    if not given:
        return
    options = Place(given.block.twin(), given.source, given.path)
    for side in ("minimum", "maximum"):
        _exclusive(options, side, rewriting)
    _digits(prop, options, rewriting)
    if options.block.get("enum") is not None and prop.block.get("enum") is None:
        rewriting.say(options, "'enum' is no option; it is read as the property's 'enum'", "enum", "warning")
        line = options.line("enum")
        prop.block.put("enum", options.block.drop("enum"), line)
    prop.block.put("logicalTypeOptions", options.block)
    if not options.block:
        prop.block.drop("logicalTypeOptions")


def _exclusive(options: Place, side: str, rewriting: Rewriting) -> None:
    """ODCS 3.0 has `minimum: 0, exclusiveMinimum: true`, later versions `exclusiveMinimum: 0`."""
    key = f"exclusive{side.capitalize()}"
    value = options.block.get(key)
    if not isinstance(value, bool):
        return
    line = options.line(key)
    options.block.drop(key)
    limit = options.block.drop(side) if value else None
    if limit is not None:
        options.block.put(key, limit, line)
        rewriting.say(options, f"'{key}: true' is read as an exclusive bound", key)
    elif value:
        rewriting.say(options, f"'{key}: true' has no '{side}' to apply to; it is ignored", level="warning")


def _digits(prop: Place, options: Place, rewriting: Rewriting) -> None:
    """Precision and scale are no options in any version; they are kept as custom properties."""
    found = {key: options.block.get(key) for key in ("precision", "scale") if options.block.get(key) is not None}
    if not found:
        return
    line = options.line(next(iter(found)))
    rewriting.say(options, "'precision' and 'scale' are no options of ODCS; prefer physicalType", level="warning")
    add_items(prop.block, "customProperties", custom_properties(line, found), line)
    for key in ("precision", "scale"):
        options.block.drop(key)


def _enum(prop: Place, rewriting: Rewriting) -> None:
    given = prop.block.get("enum")
    if not isinstance(given, Items) or all(isinstance(value, Block) for value in given):
        return
    rewriting.say(prop, "'enum' lists bare values; they are read as `- value: …`", "enum")
    listed = Items(given.line)
    for value, line in zip(given, given.lines, strict=True):
        listed.put(value if isinstance(value, Block) else block(line, value=value), line)
    prop.block.put("enum", listed)


def _instant(prop: Place, rewriting: Rewriting) -> None:
    """ODCS 3.0 has only `date` for instants; its format or physical type tells that a time belongs to it."""
    if prop.text("logicalType") != "date":
        return
    options = prop.child("logicalTypeOptions")
    known = physical(prop.text("physicalType"))
    timed = bool(options) and has_time(options.text("format") if options else "")
    if timed or (known and known.family.startswith("timestamp")):
        rewriting.say(prop, "logicalType 'date' with a time of day is read as 'timestamp'", "logicalType")
        prop.block.put("logicalType", "timestamp")
