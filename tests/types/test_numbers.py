"""Numbers and booleans: integers by width, decimals to 38 digits, binary floats."""

from __future__ import annotations

import struct
from decimal import Context, Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.types.through import Case, Lake, No, check, many, quick, quoted, sent_as

_INTEGER, _NUMBER, _STRING = ({"type": ["null", t]} for t in ("integer", "number", "string"))
_NOT_NUMBERS = [Case(t, No()) for t in ("true", '"abc"', '""', "[1]", '{"a":1}', "NaN", "-Infinity", "1e999", '"1e"')]
_NULLS = (Case("null", None), Case(None, None))


# ---- integers ----


def _long(number: int) -> Case:
    return Case(str(number), number if -(2**63) <= number < 2**63 else No())


@quick()
@given(many(st.integers(-(2**65), 2**65).map(_long) | st.integers(-99, 99).map(_long)), sent_as(_INTEGER, _NUMBER))
def test_an_integer_is_a_long(lake: Lake, cases: list[Case], sent: Any) -> None:
    edges = [_long(n) for n in (2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**53 + 1, 0)]
    odd = [
        Case("5.0", 5),
        Case("5.7", No()),
        Case("1e3", 1000),
        Case("-0", 0),
        Case("1e-1", No()),
        Case("5.0000001", No()),
    ]
    read = check(lake, {"logicalType": "integer"}, [*cases, *edges, *odd, *_NULLS, *_NOT_NUMBERS], "long", sent=sent)
    assert {n: v for n, v in lake.duckdb(read).items()} == read.values


@quick(2)
@given(many(st.integers(-(2**65), 2**65).map(lambda n: Case(quoted(str(n)), _long(n).expected))))
def test_a_text_of_an_integer_is_one(lake: Lake, cases: list[Case]) -> None:
    odd = [
        Case('"5.0"', 5),
        Case('"+5"', 5),
        Case('"5.7"', No()),
        Case('" 5"', No()),
        Case('"0x1F"', No()),
        Case('"1_0"', No()),
    ]
    check(lake, {"logicalType": "integer"}, [*cases, *odd, Case('"\u0665"', No())], "long", sent=_STRING)


_WIDTHS = {
    "i8": (-(2**7), 2**7 - 1, "int"),
    "i16": (-(2**15), 2**15 - 1, "int"),
    "i32": (-(2**31), 2**31 - 1, "int"),
    "u8": (0, 2**8 - 1, "int"),
    "u16": (0, 2**16 - 1, "int"),
    "u32": (0, 2**32 - 1, "long"),
    "i64": (-(2**63), 2**63 - 1, "long"),
}


@pytest.mark.parametrize("name", _WIDTHS)
@quick(1)
@given(st.lists(st.integers(-(2**34), 2**34), min_size=20), st.lists(st.integers(-300, 300), min_size=20))
def test_an_integer_of_a_width_has_exact_bounds(lake: Lake, name: str, large: list[int], small: list[int]) -> None:
    low, high, iceberg = _WIDTHS[name]
    holds = 2**31 if iceberg == "int" else 2**63

    def case(number: int) -> Case:
        if low <= number <= high:
            return Case(str(number), number)
        return Case(str(number), No("constraint" if -holds <= number < holds else "type"))

    numbers = [*large, *small, low, high, low - 1, high + 1]
    column = {"logicalType": "integer", "logicalTypeOptions": {"format": name}}
    check(lake, column, [*map(case, numbers), Case("7.0", 7), Case("7.5", No())], iceberg, sent=_INTEGER)


@pytest.mark.parametrize(("name", "digits", "low", "high"), [
    ("u64", 20, 0, 2**64 - 1), ("i128", 38, -(10**38) + 1, 10**38 - 1), ("u128", 38, 0, 10**38 - 1),
])  # fmt: skip
@quick(2)
@given(st.lists(st.integers(-(2**128), 2**128), min_size=20, max_size=40), sent_as(_INTEGER, _STRING, _NUMBER))
def test_integers_beyond_64_bits_are_decimals(
    lake: Lake, name: str, digits: int, low: int, high: int, numbers: list[int], sent: Any
) -> None:
    def case(number: int) -> Case:
        if low <= number <= high:
            return Case(str(number), Decimal(number))
        return Case(str(number), No("constraint" if abs(number) < 10**digits else "type"))

    edges = [low, high, low - 1, high + 1, 2**63, 2**64, 10**digits, 10**digits - 1, -(10**digits), 10**38]
    odd = [Case("5.0", Decimal(5)), Case("5.7", No()), Case("true", No())]
    column = {"logicalType": "integer", "logicalTypeOptions": {"format": name}}
    check(lake, column, [*map(case, [*numbers, *edges]), *odd], f"decimal({digits}, 0)", sent=sent)


@pytest.mark.parametrize("physical", ["NUMBER(10)", "INT", "BIGINT"])
def test_a_number_without_digits_after_the_point_is_an_integer(lake: Lake, physical: str) -> None:
    cases = [Case("12", 12), Case("12.0", 12), Case("12.5", No()), Case("-3", -3), *_NOT_NUMBERS]
    check(lake, {"logicalType": "number", "physicalType": physical}, cases, "long", sent=_NUMBER)


# ---- binary floats ----


def _double(number: float) -> Case:
    return Case(repr(number), number)


def _whole(number: int) -> Case:
    return Case(str(number), float(number) if float(number) == number else No())


@quick()
@given(
    many(st.floats(allow_nan=False, allow_infinity=False).map(_double) | st.integers(-(2**60), 2**60).map(_whole)),
    sent_as(_NUMBER, _INTEGER),
)
def test_a_number_is_a_double(lake: Lake, cases: list[Case], sent: Any) -> None:
    edges = [_double(x) for x in (1.7976931348623157e308, 5e-324, -0.0, 0.1)] + [_whole(2**53), _whole(2**53 + 1)]
    read = check(lake, {"logicalType": "number"}, [*cases, *edges, *_NULLS, *_NOT_NUMBERS], "double", sent=sent)
    assert read.coercions == {}
    assert lake.duckdb(read) == read.values


def _single(number: float) -> Case:
    try:
        return Case(repr(number), struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        return Case(repr(number), No())


@quick(2)
@given(
    many(
        st.floats(allow_nan=False, allow_infinity=False).map(_single)
        | st.floats(width=32, allow_nan=False, allow_infinity=False).map(_single)
    )
)
def test_f32_is_a_float_rounded_as_a_float_is(lake: Lake, cases: list[Case]) -> None:
    column = {"logicalType": "number", "logicalTypeOptions": {"format": "f32"}}
    edges = [_single(x) for x in (3.4028234663852886e38, 3.4028236e38, 1e39, 1e-46)]
    check(lake, column, [*cases, *edges, *_NOT_NUMBERS], "float", sent=_NUMBER)


@pytest.mark.parametrize("step", ["0.01", "0.5", "3", "0.3"])
@quick(2)
@given(st.lists(st.integers(-(10**6), 10**6), min_size=30), st.lists(st.floats(-100, 100), min_size=5))
def test_multiple_of_does_not_make_a_decimal(lake: Lake, step: str, counts: list[int], others: list[float]) -> None:
    def case(number: float) -> Case:
        fits = Decimal(repr(number)) % Decimal(step) == 0
        return Case(repr(number), number if fits else No("constraint"))

    column = {"logicalType": "number", "logicalTypeOptions": {"multipleOf": yaml.safe_load(step)}}
    cases = [case(float(n * Decimal(step))) for n in counts] + [case(n) for n in others]
    check(lake, column, [*cases, case(0.1 + 0.2), case(9e15)], "double", sent=_NUMBER)


# ---- decimals ----


def _decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    return st.integers(-(10**precision) + 1, 10**precision - 1).map(lambda n: Decimal(n).scaleb(-scale, _ROOMY))


def _spelt(number: Decimal, how: int) -> str:
    digits = f"{number:f}"
    exponent = f"{number:e}"
    return (digits, exponent, digits + ("00" if "." in digits else ".00"), quoted(digits), quoted(exponent))[how % 5]


# The usual context has 28 digits.
_ROOMY = Context(prec=60)
_EXACT = st.builds(lambda p, s: (p, min(p, s)), st.integers(1, 38), st.integers(0, 38))


@quick(6)
@given(_EXACT, st.data())
def test_a_decimal_keeps_every_digit_up_to_38(lake: Lake, digits: tuple[int, int], data: st.DataObject) -> None:
    precision, scale = digits
    numbers = data.draw(st.lists(st.tuples(_decimals(precision, scale), st.integers(0, 4)), min_size=30, max_size=50))
    unit = Decimal(1).scaleb(-scale)
    cases = [Case(_spelt(n, how), n) for n, how in numbers]
    finer, larger = _spelt(unit / 2 if scale < 38 else unit, 0), str(10 ** (precision - scale))
    cases += [Case(finer, No())] if scale < 38 else []
    cases += [Case(larger, No()), Case("0", Decimal(0).quantize(unit)), *_NULLS, *_NOT_NUMBERS]
    column = {"logicalType": "number", "physicalType": f"DECIMAL({precision},{scale})"}
    sent = data.draw(sent_as(_NUMBER, {"type": ["number", "string"]}))
    read = check(lake, column, cases, f"decimal({precision}, {scale})", sent=sent)
    assert lake.duckdb(read) == read.values


@quick(2)
@given(
    many(
        _decimals(12, 2).map(lambda n: Case(quoted(str(n)), n)),
        Case('"1E+2"', Decimal("100.00")),
        Case('"0.005"', No()),
    )
)
def test_texts_of_decimals_are_counted(lake: Lake, cases: list[Case]) -> None:
    read = check(
        lake, {"logicalType": "number", "physicalType": "NUMERIC(12,2)"}, cases, "decimal(12, 2)", sent=_STRING
    )
    assert read.coercions == {"text to decimal": len(read.values)}


def test_precision_and_scale_may_be_custom_properties(lake: Lake) -> None:
    said = [{"property": "precision", "value": 6}, {"property": "scale", "value": 3}]
    cases = [
        Case("1.5", Decimal("1.500")),
        Case("999.999", Decimal("999.999")),
        Case("1000", No()),
        Case("0.0001", No()),
    ]
    check(lake, {"logicalType": "number", "customProperties": said}, cases, "decimal(6, 3)", sent=_NUMBER)


@quick(2)
@given(many(_decimals(18, 4).map(lambda n: Case(str(n), n.quantize(Decimal("0.0001"))))))
def test_default_number_makes_decimals_of_numbers_that_say_no_more(lake: Lake, cases: list[Case]) -> None:
    column = {"logicalType": "number", "logicalTypeOptions": {"minimum": -(10**14)}}
    options: list[dict[str, Any]] = [
        {"default_number": "decimal(18, 4)"},
        {"dativo": {"defaultNumber": "decimal(18,4)"}, "default_number": "double"},
    ]
    for option in options:
        check(lake, column, [*cases, Case("0.00001", No())], "decimal(18, 4)", sent=_NUMBER, **option)
    column["logicalTypeOptions"]["format"] = "f64"  # type: ignore[index]
    check(lake, column, [Case("1.5", 1.5)], "double", sent=_NUMBER, default_number="decimal(18,4)")


def _rounded(number: Decimal) -> Decimal:
    """Half to even at two digits, by integers alone."""
    whole, rest = divmod(abs(int(number.scaleb(8))), 10**6)
    whole += rest > 500_000 or (rest == 500_000 and whole % 2 == 1)
    return Decimal(whole if number >= 0 else -whole).scaleb(-2)


@pytest.mark.parametrize("way", ["setting", "document", "property"])
@quick(2)
@given(st.lists(_decimals(12, 6), min_size=30, max_size=50), st.booleans())
def test_decimals_round_half_to_even_if_so_told(lake: Lake, way: str, numbers: list[Decimal], in_quotes: bool) -> None:
    numbers = [*numbers, *map(Decimal, ("0.005", "0.015", "0.025", "-0.015", "1.005", "0.0050001", "2.50"))]
    held = [_rounded(n) if abs(_rounded(n)) < 10**6 else No() for n in numbers]
    # There is no negative zero among decimals.
    plain = [abs(h) if isinstance(h, Decimal) and not h else h for h in held]
    texts = (quoted(f"{n:f}") if in_quotes else f"{n:f}" for n in numbers)
    cases = [Case(text, expected) for text, expected in zip(texts, plain, strict=True)]
    column: dict[str, Any] = {"logicalType": "number", "physicalType": "DECIMAL(8,2)"}
    column |= (
        {"customProperties": [{"property": "dativo.decimalRounding", "value": "half_even"}]}
        if way == "property"
        else {}
    )
    options: dict[str, Any] = {
        "setting": {"decimal_rounding": "half_even"},
        "document": {"dativo": {"decimalRounding": "half_even"}},
        "property": {},
    }[way]
    cases += [Case("1000000", No()), Case("999999.995", No()), Case("999999.994", Decimal("999999.99"))]
    read = check(lake, column, cases, "decimal(8, 2)", sent=_STRING if in_quotes else _NUMBER, **options)
    finer = sum(n != h for n, h in zip(numbers, held, strict=True) if isinstance(h, Decimal)) + 1
    assert read.coercions["rounded"] == finer


# ---- booleans ----

_NO_BOOLEANS = ['"True"', '"yes"', '"1"', "1", "0", "1.0", '""', "[]", '"t"']


@quick(2)
@given(
    many(st.sampled_from([Case("true", True), Case("false", False), Case("null", None)])), sent_as({"type": "boolean"})
)
def test_a_boolean_is_true_or_false(lake: Lake, cases: list[Case], sent: Any) -> None:
    others = [Case('"true"', True), Case('"false"', False), *(Case(t, No()) for t in _NO_BOOLEANS)]
    read = check(lake, {"logicalType": "boolean"}, [*cases, *others], "boolean", sent=sent)
    assert sum(read.coercions.values()) == 2 * (read.report["records"] // len([*cases, *others]) or 1)


_WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


@quick(3)
@given(
    many(
        st.sampled_from([*_WORDS]).flatmap(
            lambda w: st.sampled_from([w, w.upper(), w.title()]).map(lambda t: Case(quoted(t), _WORDS[w]))
        )
    ),
    sent_as(_STRING, {"type": ["string", "integer"]}),
    st.sampled_from([{"coercion": "dativo"}, {"dativo": {"coercion": "dativo"}}]),
)
def test_dativos_words_for_booleans(lake: Lake, cases: list[Case], sent: Any, option: dict[str, Any]) -> None:
    numbers = [
        Case("1", True),
        Case("0", False),
        Case("1.0", True),
        Case("2", No()),
        Case("-1", No()),
        Case("0.5", No()),
    ]
    others = [Case('"y"', No()), Case('"2"', No()), Case('""', No()), Case('" yes"', No()), Case("true", True)]
    check(lake, {"logicalType": "boolean"}, [*cases, *numbers, *others], "boolean", sent=sent, **option)


@quick(1)
@given(many(st.integers(-1, 2).map(lambda n: Case(str(n), bool(n) if n in (0, 1) else No()))))
def test_a_column_of_ones_and_noughts_is_read_as_booleans(lake: Lake, cases: list[Case]) -> None:
    said = [{"property": "coercion", "vendor": "dativo", "value": "dativo"}]
    read = check(lake, {"logicalType": "boolean", "customProperties": said}, cases, "boolean", sent=_INTEGER)
    assert read.coercions == {"number to boolean": len(read.values)}
