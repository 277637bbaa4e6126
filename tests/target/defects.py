"""Records with planted defects of every kind, each with the reasons that a contract must give against it.

Everything follows from a seed. Text decides: what the contract must say of a record is written beside the change that
spoils it, never computed from the record.
"""

from __future__ import annotations

import base64
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: parcels
name: parcels
version: 1.0.0
status: active
schema:
  - name: parcels
    properties:
      - {name: id, logicalType: integer, primaryKey: true, required: true}
      - {name: serial, logicalType: string, required: true, unique: true}
      - {name: label, logicalType: string, required: true, logicalTypeOptions: {minLength: 2, maxLength: 20}}
      - {name: pieces, logicalType: integer, logicalTypeOptions: {minimum: 0, maximum: 1000}}
      - {name: floor, logicalType: integer, logicalTypeOptions: {format: i8}}
      - {name: price, logicalType: number, physicalType: "DECIMAL(10,2)", logicalTypeOptions: {minimum: 0}}
      - {name: fill, logicalType: number, logicalTypeOptions: {exclusiveMinimum: 0, exclusiveMaximum: 1}}
      - {name: step, logicalType: integer, logicalTypeOptions: {multipleOf: 5}}
      - {name: made_on, logicalType: date, logicalTypeOptions: {minimum: "1990-01-01"}}
      - {name: seen_at, logicalType: timestamp, logicalTypeOptions: {maximum: "2030-01-01T00:00:00Z"}}
      - {name: local_at, logicalType: timestamp, logicalTypeOptions: {timezone: false}}
      - {name: opens, logicalType: time}
      - {name: token, logicalType: string, physicalType: UUID}
      - {name: seal, logicalType: string, logicalTypeOptions: {format: binary}}
      - {name: fragile, logicalType: boolean}
      - {name: colour, logicalType: string, enum: [{value: red}, {value: green}, {value: blue}]}
      - name: grade
        logicalType: string
        quality: [{id: known-grade, metric: invalidValues, arguments: {validValues: [a, b, c]}, mustBe: 0}]
      - name: origin
        logicalType: string
        quality: [{id: no-placeholder, metric: missingValues, arguments: {missingValues: [n/a, "?"]}, mustBe: 0}]
      - {name: email, logicalType: string, logicalTypeOptions: {format: email}}
      - {name: code, logicalType: string, logicalTypeOptions: {pattern: "^[A-Z]{2}-[0-9]+$"}}
      - name: tags
        logicalType: array
        logicalTypeOptions: {minItems: 1, maxItems: 3, uniqueItems: true}
        items: {logicalType: string}
      - name: address
        logicalType: object
        properties:
          - {name: zip, logicalType: string, required: true, logicalTypeOptions: {pattern: "^[0-9]{5}$"}}
          - name: geo
            logicalType: object
            properties: [{name: lat, logicalType: number, logicalTypeOptions: {minimum: -90, maximum: 90}}]
      - name: lines
        logicalType: array
        items:
          logicalType: object
          properties:
            - {name: sku, logicalType: string, required: true}
            - {name: count, logicalType: integer, logicalTypeOptions: {minimum: 1}}
      - name: marks
        logicalType: map
        map: {key: {logicalType: string}, value: {logicalType: integer, logicalTypeOptions: {maximum: 99}}}
      - {name: remark, logicalType: string}
"""
# The columns as DuckDB reads them from JSON.
TYPES = {
    "id": "BIGINT",
    "serial": "VARCHAR",
    "label": "VARCHAR",
    "pieces": "BIGINT",
    "floor": "BIGINT",
    "price": "DECIMAL(10,2)",
    "fill": "DOUBLE",
    "step": "BIGINT",
    "made_on": "DATE",
    "seen_at": "TIMESTAMPTZ",
    "local_at": "TIMESTAMP",
    "opens": "TIME",
    "token": "UUID",
    "seal": "VARCHAR",
    "fragile": "BOOLEAN",
    "colour": "VARCHAR",
    "grade": "VARCHAR",
    "origin": "VARCHAR",
    "email": "VARCHAR",
    "code": "VARCHAR",
    "tags": "VARCHAR[]",
    "address": "STRUCT(zip VARCHAR, geo STRUCT(lat DOUBLE))",
    "lines": "STRUCT(sku VARCHAR, count BIGINT)[]",
    "marks": "MAP(VARCHAR, BIGINT)",
    "remark": "VARCHAR",
}
Record = dict[str, Any]
_TEXT: Record = {"type": ["null", "string"]}
_WHOLE: Record = {"type": ["null", "integer"]}
_NUMBER: Record = {"type": ["null", "number"]}
_GEO: Record = {"type": ["null", "object"], "properties": {"lat": _NUMBER}}
# How a tap declares them, by DuckDB's types.
_NODES: dict[str, Record] = {
    "BIGINT": _WHOLE,
    "DOUBLE": _NUMBER,
    "DECIMAL(10,2)": _NUMBER,
    "BOOLEAN": {"type": ["null", "boolean"]},
    "VARCHAR[]": {"type": ["null", "array"], "items": _TEXT},
    "STRUCT(zip VARCHAR, geo STRUCT(lat DOUBLE))": {"type": "object", "properties": {"zip": _TEXT, "geo": _GEO}},
    "STRUCT(sku VARCHAR, count BIGINT)[]": {
        "type": ["null", "array"],
        "items": {"type": "object", "properties": {"sku": _TEXT, "count": _WHOLE}},
    },
    "MAP(VARCHAR, BIGINT)": {"type": ["null", "object"], "additionalProperties": _WHOLE},
}
# JSON path, class, rule.
Reason = tuple[str, str, str]


@dataclass(frozen=True)
class Defect:
    """One way to spoil a record.

    Attributes:
        change: spoils it.
        reasons: what the contract must say.
        mended: whether the relaxed contract takes such a record.

    """

    change: Callable[[Record], None]
    reasons: tuple[Reason, ...]
    mended: bool = True


@dataclass
class Planted:
    """A stream of records, and what must come of it.

    Attributes:
        folder: holds `stream.singer`, `clean.jsonl`, `mended.jsonl` (what a replay brings in) and `unknown.jsonl`.
        reasons: by line, the reasons against each record that is turned away.
        records: by line, the JSON text of each of them.
        by_rule: records that are turned away per rule.
        counts: records that are `clean`, turned away and `mended` by the relaxed contract, turned away and `broken`
            under it too, or `unknown`: clean but for a member that the contract does not have.

    """

    folder: Path
    reasons: dict[int, set[Reason]] = field(default_factory=dict)
    records: dict[int, str] = field(default_factory=dict)
    by_rule: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)


# ---- the kinds of defects ----


def _set(*path: str | int, to: Any) -> Callable[[Record], None]:
    def change(record: Record) -> None:
        place: Any = record
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return change


def _without(*path: str | int) -> Callable[[Record], None]:
    def change(record: Record) -> None:
        place: Any = record
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return change


def _type(*path: str | int, to: Any, at: str) -> Defect:
    return Defect(_set(*path, to=to), ((f"$.{at}", "type", "type"),), mended=False)


def _rule(*path: str | int, to: Any, rule: str, at: str = "") -> Defect:
    return Defect(_set(*path, to=to), ((f"$.{at or path[0]}", "constraint", rule),))


_MISSING = "missing_required"
KINDS: dict[str, Defect] = {
    "missing key": Defect(_without("id"), (("$.id", _MISSING, "parcels.id.required"),), mended=False),
    "missing required": Defect(_without("label"), (("$.label", _MISSING, "parcels.label.required"),)),
    "null required": Defect(_set("serial", to=None), (("$.serial", _MISSING, "parcels.serial.required"),)),
    "missing required member": Defect(_without("address", "zip"), (("$.address.zip", _MISSING, "required"),)),
    "null required in a list": Defect(_set("lines", 0, "sku", to=None), (("$.lines[0].sku", _MISSING, "required"),)),
    "text for an integer": _type("pieces", to="many", at="pieces"),
    "fraction for an integer": _type("pieces", to=5.7, at="pieces"),
    "integer of too many bits": _type("step", to=5 * 2**64, at="step"),
    "decimal with excess digits": _type("price", to=1.999, at="price"),
    "decimal too large": _type("price", to=10**9, at="price"),
    "NaN": _type("fill", to=float("nan"), at="fill"),
    "bad date": _type("made_on", to="2024-02-30", at="made_on"),
    "bad timestamp": _type("seen_at", to="yesterday", at="seen_at"),
    "timestamp too fine": _type("local_at", to="2024-01-02T03:04:05.0000001", at="local_at"),
    "bad time": _type("opens", to="25:00:00", at="opens"),
    "bad uuid": _type("token", to="1234", at="token"),
    "bad base64": _type("seal", to="a=b", at="seal"),
    "text for a boolean": _type("fragile", to="maybe", at="fragile"),
    "text for an object": _type("address", to="Oslo", at="address"),
    "object for a list": _type("tags", to={"a": 1}, at="tags"),
    "text in a nested list": _type("lines", 1, "count", to="few", at="lines[1].count"),
    "text in a map": _type("marks", "a", to="x", at="marks.*"),
    "enum": _rule("colour", to="mauve", rule="parcels.colour.enum"),
    "invalid value": _rule("grade", to="z", rule="known-grade"),
    "missing value": _rule("origin", to="n/a", rule="no-placeholder"),
    "minimum": _rule("pieces", to=-1, rule="parcels.pieces.minimum"),
    "maximum": _rule("pieces", to=1001, rule="parcels.pieces.maximum"),
    "decimal minimum": _rule("price", to=-0.01, rule="parcels.price.minimum"),
    "integer width": _rule("floor", to=128, rule="parcels.floor.maximum"),
    "exclusive minimum": _rule("fill", to=0, rule="parcels.fill.exclusiveMinimum"),
    "exclusive maximum": _rule("fill", to=1, rule="parcels.fill.exclusiveMaximum"),
    "multiple of": _rule("step", to=7, rule="parcels.step.multipleOf"),
    "date minimum": _rule("made_on", to="1989-12-31", rule="parcels.made_on.minimum"),
    "timestamp maximum": _rule("seen_at", to="2030-01-01T00:00:01Z", rule="parcels.seen_at.maximum"),
    "too short": _rule("label", to="x", rule="parcels.label.minLength"),
    "too long": _rule("label", to="x" * 21, rule="parcels.label.maxLength"),
    "pattern": _rule("code", to="AB-", rule="parcels.code.pattern"),
    "format": _rule("email", to="nobody", rule="parcels.email.format"),
    "too few items": _rule("tags", to=[], rule="parcels.tags.minItems"),
    "too many items": _rule("tags", to=["a", "b", "c", "d"], rule="parcels.tags.maxItems"),
    "item twice": _rule("tags", to=["a", "a"], rule="parcels.tags.uniqueItems"),
    "member pattern": _rule("address", "zip", to="123", rule="parcels.address.zip.pattern", at="address.zip"),
    "deep member": _rule(
        "address", "geo", "lat", to=91.5, rule="parcels.address.geo.lat.maximum", at="address.geo.lat"
    ),
    "member of an item": _rule("lines", 1, "count", to=0, rule="parcels.lines[].count.minimum", at="lines[*].count"),
    "value of a map": _rule("marks", "a", to=100, rule="parcels.marks[].maximum", at="marks.*"),
}
# Lines that hold no record: what follows `"record":` and ends the line.
MALFORMED = ('{"id": 1', "[1, 2]", '{"id": 1}}}', '{"id": }', "null}")
_BROKEN: Reason = ("$", "malformed", "json")
_KEY: Reason = ("$.id", "duplicate_key", "parcels.primaryKey")
_UNIQUE: Reason = ("$.serial", "duplicate_key", "parcels.serial.unique")
_UNKNOWN: Reason = ("$.surprise", "unknown_field", "unknown_field")
# Defects of the same column cannot stand in one record.
SEVERAL = (
    ("missing required", "text for an integer", "enum", "member pattern"),
    ("bad uuid", "bad date", "NaN"),
    ("minimum", "too few items", "member of an item", "text for a boolean"),
    ("null required", "decimal with excess digits"),
    ("pattern", "format", "invalid value", "missing value", "multiple of"),
)


# ---- records ----


def _text(n: int, rng: random.Random) -> str:
    """JSON text of a clean record."""
    seal = base64.b64encode(n.to_bytes(6, "big")).decode()
    remark = rng.choice(("", '"remark":null,', '"remark":"ärger \\"quoted\\" \\n",'))
    zone = rng.choice(("Z", "+02:00", "-05:30"))
    return (
        f'{{"id":{n},"serial":"S{n:07}","label":"label {n % 97}","pieces":{n % 1001},"floor":{n % 128},'
        f'"price":{n % 9000}.{n % 100:02},"fill":0.{n % 99 + 1:02},"step":{n % 40 * 5},'
        f'"made_on":"{1990 + n % 40}-{n % 12 + 1:02}-{n % 28 + 1:02}",{remark}'
        f'"seen_at":"20{n % 30:02}-06-07T08:09:10.{n % 10**6:06}{zone}",'
        f'"local_at":"2024-01-02T{n % 24:02}:04:05","opens":"{n % 24:02}:{n % 60:02}:00",'
        f'"token":"0a1b2c3d-0000-4000-8000-{n:012x}","seal":"{seal}","fragile":{"true" if n % 3 else "false"},'
        f'"colour":"{("red", "green", "blue")[n % 3]}","grade":"{"abc"[n % 3]}","origin":"o{n % 7}",'
        f'"email":"u{n}@example.org","code":"AB-{n % 1000}","tags":["t{n % 5}","u{n % 7}"],'
        f'"address":{{"zip":"{n % 100000:05}","geo":{{"lat":{n % 90}.25}}}},'
        f'"lines":[{{"sku":"s{n % 10}","count":{n % 9 + 1}}},{{"sku":"x","count":1}}],"marks":{{"a":{n % 100},"b":1}}}}'
    )


@dataclass
class _Output:
    """Files of a stream on their way."""

    planted: Planted
    lines: list[str] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=lambda: {"clean": [], "mended": [], "unknown": []})

    def put(self, line: str) -> int:
        """Append a line; its number."""
        self.lines.append(line)
        return len(self.lines)

    def good(self, kind: str, text: str) -> None:
        self.put(_line(text))
        self.texts[kind].append(text)
        self.planted.counts[kind] += 1

    def bad(self, line: str, text: str, reasons: set[Reason], *, mended: bool) -> None:
        planted, number = self.planted, self.put(line)
        planted.reasons[number], planted.records[number] = reasons, text
        planted.by_rule.update({rule for _, _, rule in reasons})
        planted.counts["mended" if mended else "broken"] += 1
        if mended:
            self.texts["mended"].append(text)

    def close(self) -> Planted:
        folder = self.planted.folder
        (folder / "stream.singer").write_text("\n".join(self.lines) + "\n")
        for name, texts in self.texts.items():
            (folder / f"{name}.jsonl").write_text("".join(f"{text}\n" for text in texts))
        return self.planted


def _line(text: str) -> str:
    return f'{{"type":"RECORD","stream":"parcels","record":{text}}}'


def plant(folder: Path, count: int, seed: int, *, unknown_is_bad: bool = False) -> Planted:
    """Write a stream of `count` records, about one in twenty spoilt, all kinds alike.

    Args:
        folder: where its files go.
        count: of records.
        seed: of chance.
        unknown_is_bad: members that the contract does not have are a defect; otherwise they are rescued.

    """
    rng, out = random.Random(seed), _Output(Planted(folder))
    out.put(json.dumps({"type": "SCHEMA", "stream": "parcels", "key_properties": ["id"], "schema": _schema()}))
    kinds = _spoilers(out, rng, unknown_is_bad=unknown_is_bad)
    seen: list[str] = []
    for n in range(1, count + 1):
        text = _text(n, rng)
        if n > 20 and rng.random() < 0.05:
            next(kinds)(json.loads(text), json.loads(rng.choice(seen)))
        else:
            out.good("clean", text)
            seen = [*seen[-999:], text] if n % 50 == 0 or len(seen) < 10 else seen
        if n % 60_000 == 0:
            out.put(json.dumps({"type": "STATE", "value": {"n": n}}))
    out.put(json.dumps({"type": "STATE", "value": {"n": count}}))
    return out.close()


def _schema() -> Record:
    """What a tap says of the columns."""
    return {"properties": {name: _NODES.get(type_, _TEXT) for name, type_ in TYPES.items()}}


def _spoilers(out: _Output, rng: random.Random, *, unknown_is_bad: bool) -> Iterator[Callable[[Record, Record], None]]:
    """Yield one way after another to put a spoilt record; each takes a clean record and an earlier one."""

    def spoilt(record: Record, *defects: Defect) -> None:
        for defect in defects:
            defect.change(record)
        text = json.dumps(record, ensure_ascii=False)
        reasons = {reason for defect in defects for reason in defect.reasons}
        out.bad(_line(text), text, reasons, mended=all(defect.mended for defect in defects))

    def malformed(end: str) -> None:
        line = f'{{"type":"RECORD","stream":"parcels","record":{end}'
        out.bad(line, line, {_BROKEN}, mended=False)

    def repeated(record: Record, earlier: Record, *names: str) -> None:
        record.update({name: earlier[name] for name in names})
        text = json.dumps(record, ensure_ascii=False)
        reasons = {{"id": _KEY, "serial": _UNIQUE}[name] for name in names}
        # The relaxed contract has the primary key still, and the first record with it has landed.
        out.bad(_line(text), text, reasons, mended="id" not in names)

    def unknown(record: Record) -> None:
        text = json.dumps(record | {"surprise": {"deep": [1, "ü"]}}, ensure_ascii=False)
        if unknown_is_bad:
            out.bad(_line(text), text, {_UNKNOWN}, mended=True)
        else:
            out.good("unknown", text)

    ways: list[Callable[[Record, Record], None]] = [
        *(lambda record, _, d=d: spoilt(record, d) for d in KINDS.values()),
        *(lambda record, _, s=s: spoilt(record, *(KINDS[name] for name in s)) for s in SEVERAL),
        *(lambda _record, _, end=end: malformed(end) for end in MALFORMED),
        lambda record, earlier: repeated(record, earlier, "id"),
        lambda record, earlier: repeated(record, earlier, "serial"),
        lambda record, earlier: repeated(record, earlier, "id", "serial"),
        lambda record, _: unknown(record),
    ]
    while True:
        rng.shuffle(ways)
        yield from ways


# ---- contracts ----

# Options that shape a type; the others are rules.
_SHAPING = {"timezone", "format"}


def contract(folder: Path, *, relaxed: bool = False) -> str:
    """Write the contract, or its next version without any rule; its path."""
    document = yaml.safe_load(CONTRACT)
    if relaxed:
        document["version"] = "1.1.0"
        table = document["schema"][0]
        table["properties"] = [_relaxed(p) for p in table["properties"]]
        table["properties"].append({"name": "surprise", "logicalType": "object"})
    path = folder / "parcels.yaml"
    path.write_text(yaml.safe_dump(document))
    return str(path)


def _relaxed(node: Record) -> Record:
    """A property without its rules; of the key, only what makes it one."""
    kept = {k: v for k, v in node.items() if k in ("name", "logicalType", "physicalType")}
    if node.get("primaryKey"):
        return kept | {"primaryKey": True, "required": True}
    options = {k: v for k, v in node.get("logicalTypeOptions", {}).items() if k in _SHAPING and v in (False, "binary")}
    nested: Record = {"logicalTypeOptions": options} if options else {}
    if "properties" in node:
        nested["properties"] = [_relaxed(p) for p in node["properties"]]
    if "items" in node:
        nested["items"] = _relaxed(node["items"])
    if "map" in node:
        nested["map"] = {part: _relaxed(p) for part, p in node["map"].items()}
    return kept | nested
