"""The shapes of record that are measured: each column once, for its ODCS contract, its Singer SCHEMA and its values."""

from dataclasses import dataclass, field
from typing import Any

from benchmarks import tokens
from benchmarks.tokens import Draw

Bad = tuple[str, str]
"""A rule's name and a JSON token that breaks this rule, and no other, wherever the column holds it."""


@dataclass(frozen=True)
class Column:
    """One field: the ODCS property without its name, the JSON Schema of the tap, and how values are drawn."""

    name: str
    odcs: dict[str, Any]
    json_schema: dict[str, Any]
    draw: Draw
    bad: tuple[Bad, ...] = ()


@dataclass(frozen=True)
class Shape:
    """Records of one kind. Streams take rows in turn: row n belongs to stream n modulo their number."""

    name: str
    streams: tuple[str, ...]
    columns: tuple[Column, ...]
    about: str
    key: tuple[str, ...] = field(default=("id",))


def _integer(name: str, draw: Draw, *bad: Bad, required: bool = True, **odcs: Any) -> Column:
    return Column(name, _property("integer", required, odcs), _type("integer", required), draw, bad)


def _text(name: str, draw: Draw, *bad: Bad, required: bool = True, **odcs: Any) -> Column:
    return Column(name, _property("string", required, odcs), _type("string", required), draw, bad)


def _decimal(name: str, draw: Draw, *bad: Bad, physical: str, required: bool = True, **odcs: Any) -> Column:
    odcs["physicalType"] = physical
    return Column(name, _property("number", required, odcs), _type("number", required), draw, bad)


def _timestamp(name: str, draw: Draw, *bad: Bad, zone: bool, required: bool = True, **options: Any) -> Column:
    odcs = {"logicalTypeOptions": {"timezone": zone, **options}}
    schema = _type("string", required) | {"format": "date-time"}
    return Column(name, _property("timestamp", required, odcs), schema, draw, bad)


def _boolean(name: str, *bad: Bad) -> Column:
    return Column(name, _property("boolean", True, {}), _type("boolean", True), tokens.one_of(True, False), bad)


def _property(logical: str, required: bool, odcs: dict[str, Any]) -> dict[str, Any]:
    return {"logicalType": logical, "required": required, **odcs}


def _type(name: str, required: bool) -> dict[str, Any]:
    return {"type": [name] if required else [name, "null"]}


def _allowed(*values: str) -> dict[str, Any]:
    """ODCS 3.1 says `enum` by a quality rule."""
    return {"quality": [{"metric": "invalidValues", "arguments": {"validValues": list(values)}, "mustBe": 0}]}


STATUSES = ("placed", "paid", "shipped", "delivered", "returned")
UTC = tokens.timestamp(("Z",))
OFFSET = tokens.timestamp(("+00:00", "+02:00", "-05:00"))
ONE_YEAR = tokens.timestamp(("+00:00",), 365)
NAIVE = tokens.timestamp(("",))
MISSING: Bad = ("required", "null")
ID = _integer("id", tokens.row_id, MISSING, ("type", '"A-17"'), primaryKey=True, primaryKeyPosition=1)
STATUS = _text("status", tokens.one_of(*STATUSES), ("enum", '"lost"'), MISSING, **_allowed(*STATUSES))

ORDER = (
    ID,
    _integer(
        "quantity",
        tokens.integers(1, 500),
        ("minimum", "0"),
        ("maximum", "100001"),
        ("type", "1.5"),
        logicalTypeOptions={"minimum": 1, "maximum": 100_000},
    ),
    STATUS,
    _text(
        "email",
        tokens.email,
        ("pattern", '"nobody at example.com"'),
        ("type", "17"),
        classification="internal",
        logicalTypeOptions={"pattern": r"^[^@\s]+@[^@\s]+$", "maxLength": 254},
    ),
    _text(
        "country",
        tokens.nullable(tokens.one_of("DE", "FR", "NL", "PL", "US", "JP"), 0.1),
        ("pattern", '"Germany"'),
        required=False,
        logicalTypeOptions={"pattern": "^[A-Z]{2}$"},
    ),
    _text(
        "note",
        tokens.nullable(tokens.distinct_text(6, 32), 0.3),
        ("maxLength", f'"{"x" * 201}"'),
        required=False,
        logicalTypeOptions={"maxLength": 200},
    ),
    _timestamp("created_at", OFFSET, ("type", '"yesterday"'), zone=True),
    _timestamp("updated_at", tokens.nullable(NAIVE, 0.2), ("type", "true"), zone=False, required=False),
    _decimal(
        "amount",
        tokens.decimal(10_000),
        ("minimum", "-0.01"),
        ("type", '"n/a"'),
        physical="decimal(12,2)",
        logicalTypeOptions={"minimum": 0},
    ),
    _boolean("active", MISSING),
)
YEAR = tuple(
    _timestamp("created_at", ONE_YEAR, ("type", '"yesterday"'), zone=True) if column.name == "created_at" else column
    for column in ORDER
)


def _numbered(count: int, name: str, make: Any) -> tuple[Column, ...]:
    return tuple(make(f"{name}_{n:03d}") for n in range(count))


def _wide(counts: int, labels: int, times: int, prices: int, flags: int) -> tuple[Column, ...]:
    return (
        ID,
        *_numbered(counts, "count", lambda name: _integer(name, tokens.integers(0, 1_000_000))),
        *_numbered(
            labels,
            "label",
            lambda name: _text(
                name, tokens.nullable(tokens.text(4, 24), 0.2), required=False, logicalTypeOptions={"maxLength": 64}
            ),
        ),
        *_numbered(times, "at", lambda name: _timestamp(name, UTC, zone=True)),
        *_numbered(prices, "price", lambda name: _decimal(name, tokens.decimal(10_000), physical="decimal(12,2)")),
        *_numbered(flags, "flag", _boolean),
    )


WIDE = _wide(69, 50, 30, 30, 20)
WIDEST = _wide(519, 375, 225, 225, 155)

_SINCE = {"minimum": "2000-01-01T00:00:00Z"}
_CODE = {"pattern": "^[^_]+$", "minLength": 1, "maxLength": 64}
RULED = (
    ID,
    STATUS,
    *_numbered(
        18,
        "count",
        lambda name: _integer(
            name,
            tokens.integers(0, 1_000_000),
            ("maximum", "1000001"),
            ("minimum", "-1"),
            MISSING,
            logicalTypeOptions={"minimum": 0, "maximum": 1_000_000},
        ),
    ),
    *_numbered(
        10,
        "label",
        lambda name: _text(
            name,
            tokens.nullable(tokens.text(4, 24), 0.2),
            ("pattern", '"_"'),
            ("maxLength", f'"{"x" * 65}"'),
            required=False,
            logicalTypeOptions=_CODE,
        ),
    ),
    *_numbered(
        6,
        "state",
        lambda name: _text(name, tokens.one_of(*STATUSES), ("enum", '"lost"'), MISSING, **_allowed(*STATUSES)),
    ),
    *_numbered(
        2,
        "email",
        lambda name: _text(
            name, tokens.email, MISSING, classification="internal", logicalTypeOptions={"format": "email"}
        ),
    ),
    *_numbered(8, "at", lambda name: _timestamp(name, UTC, ("type", '"never"'), MISSING, zone=True, **_SINCE)),
    *_numbered(
        10,
        "price",
        lambda name: _decimal(
            name,
            tokens.decimal(10_000),
            ("minimum", "-0.01"),
            ("type", '"n/a"'),
            physical="decimal(12,2)",
            logicalTypeOptions={"minimum": 0, "maximum": 10_000},
        ),
    ),
    *_numbered(4, "flag", lambda name: _boolean(name, MISSING)),
)

DECIMALS = (
    ID,
    *_numbered(4, "price", lambda name: _decimal(name, tokens.decimal(1_000_000), physical="decimal(12,2)")),
    *_numbered(2, "rate", lambda name: _decimal(name, tokens.decimal(100, 6), physical="decimal(18,6)")),
    *_numbered(2, "utc", lambda name: _timestamp(name, UTC, zone=True)),
    *_numbered(2, "local", lambda name: _timestamp(name, OFFSET, zone=True)),
    *_numbered(2, "wall", lambda name: _timestamp(name, NAIVE, zone=False)),
    Column(
        "booked_on",
        _property("date", True, {}),
        {"type": ["string"], "format": "date"},
        tokens.day,
        (("type", '"2024-02-30"'),),
    ),
)


def _address() -> Column:
    draw = tokens.members(
        street=tokens.text(8, 30),
        city=tokens.text(4, 16),
        postcode=tokens.nullable(tokens.integers(10_000, 99_999), 0.1),
    )
    parts = (
        _text("street", draw),
        _text("city", draw),
        _integer("postcode", draw, required=False),
    )
    return Column("address", _object(parts) | {"classification": "internal"}, _json_object(parts), draw)


def _lines() -> Column:
    item = tokens.members(
        sku=tokens.text(6, 12),
        quantity=tokens.integers(1, 20),
        price=tokens.decimal(1000),
        gift=tokens.one_of(True, False),
    )
    parts = (
        _text("sku", item),
        _integer("quantity", item),
        _decimal("price", item, physical="decimal(10,2)"),
        _boolean("gift"),
    )
    odcs = _property("array", True, {"items": _object(parts)})
    return Column("lines", odcs, {"type": ["array"], "items": _json_object(parts)}, tokens.items(item, 1, 4))


def _tags() -> Column:
    odcs = _property("array", False, {"items": _property("string", True, {})})
    schema = {"type": ["array", "null"], "items": {"type": ["string"]}}
    return Column("tags", odcs, schema, tokens.nullable(tokens.items(tokens.text(3, 10), 0, 3), 0.1))


def _object(parts: tuple[Column, ...]) -> dict[str, Any]:
    return _property("object", True, {"properties": [{"name": part.name, **part.odcs} for part in parts]})


def _json_object(parts: tuple[Column, ...]) -> dict[str, Any]:
    return {"type": ["object"], "properties": {part.name: part.json_schema for part in parts}}


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("narrow", ("visits",), (ID, STATUS, _timestamp("at", UTC, zone=True)), "3 columns"),
        Shape("ten", ("orders",), ORDER, "10 columns: 2 integers, 4 texts, 2 timestamps, a decimal, a flag"),
        Shape("year", ("orders",), YEAR, "the 10 columns, `created_at` in 365 days"),
        Shape("wide", ("metrics",), WIDE, "200 columns"),
        Shape("ruled", ("metrics",), RULED, "60 columns, one to four rules on each"),
        Shape(
            "nested",
            ("baskets",),
            (ID, STATUS, _address(), _lines(), _tags()),
            "an object, 1 to 4 objects in an array, texts",
        ),
        Shape(
            "longtext",
            ("articles",),
            (
                ID,
                _text("title", tokens.text(20, 80)),
                *(_text(f"body_{n}", tokens.distinct_text(500, 2000)) for n in range(3)),
            ),
            "a title and three texts of 500 to 2,000 characters",
        ),
        Shape("decimals", ("ledger",), DECIMALS, "6 decimals, 6 timestamps, a date"),
        Shape(
            "interleaved",
            ("orders_de", "orders_fr", "orders_nl", "orders_pl", "orders_us"),
            ORDER,
            "the 10 columns, in 5 streams, record by record",
        ),
        Shape("twenty", tuple(f"orders_{n:02d}" for n in range(20)), ORDER, "the 10 columns, in 20 streams"),
        Shape("two-hundred", tuple(f"orders_{n:03d}" for n in range(200)), ORDER, "the 10 columns, in 200 streams"),
        Shape("widest", ("metrics",), WIDEST, "1,500 columns"),
    )
}
