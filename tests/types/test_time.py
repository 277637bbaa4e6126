"""Dates, times of day and timestamps: with and without zone, finer than microseconds, as numbers, in JDK formats."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_dativo_iceberg.errors import ContractError
from tests.types.through import Case, Lake, No, check, many, quick, quoted, sent_as

_STRING = {"type": ["null", "string"]}
_DATE_TIME = {"type": ["null", "string"], "format": "date-time"}
_NULLS = (Case("null", None), Case(None, None))
_NEVER = [Case(t, No()) for t in ('""', '"x"', "5", "true", '"2024-02-30T00:00:00"', '"2024-01-01T25:00:00"', "[]")]
_FIRST, _LAST = datetime(1, 1, 3), datetime(9999, 12, 29)  # noqa: DTZ001 - as a column without zone has it
_MOMENTS = st.datetimes(_FIRST, _LAST).map(lambda m: m.replace(fold=0))
_OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m)))
_ROME = ZoneInfo("Europe/Rome")


def _iso(at: datetime, separator: str = "T") -> str:
    return at.isoformat(separator)


def _column(kind: str, **options: Any) -> dict[str, Any]:
    return {"logicalType": kind} | ({"logicalTypeOptions": options} if options else {})


# ---- dates ----


@quick(2)
@given(
    many(st.dates().map(lambda d: Case(quoted(d.isoformat()), d)), *_NULLS),
    sent_as(_STRING, {"type": "string", "format": "date"}),
)
def test_a_date_is_a_date(lake: Lake, cases: list[Case], sent: Any) -> None:
    odd = [
        Case(t, No())
        for t in ('"2024-02-30"', '"2024-1-5"', '"20240105"', '"01/05/2024"', '"0000-01-01"', "19723", '""')
    ]
    edges = [Case(quoted(d.isoformat()), d) for d in (date.min, date.max)]
    read = check(lake, _column("date"), [*cases, *edges, *odd], "date", sent=sent)
    assert read.coercions == {}
    assert lake.duckdb(read) == read.values


@quick(2)
@given(many(_MOMENTS.map(lambda m: Case(quoted(_iso(m)), m.date() if m.time() == time() else No()))))
def test_a_date_time_is_a_date_only_at_midnight(lake: Lake, cases: list[Case]) -> None:
    day = date(2024, 1, 5)
    zero = ["2024-01-05T00:00:00", "2024-01-05 00:00", "2024-01-05T00:00:00.000Z", "2024-01-05T00:00:00+02:00"]
    others = [*(Case(quoted(t), day) for t in zero), Case('"2024-01-05T00:00:00.000001"', No())]
    check(lake, _column("date"), [*cases, *others], "date", sent=_STRING)


def test_up_to_30_a_date_with_a_time_is_a_timestamp(lake: Lake) -> None:
    column = {"logicalType": "date", "physicalType": "TIMESTAMP"}
    at = datetime(2024, 1, 5, 10, tzinfo=UTC)
    check(lake, column, [Case('"2024-01-05T10:00:00Z"', at)], "timestamptz", sent=_DATE_TIME, version="v3.0.2")


# ---- timestamps ----


def _zoned(at: datetime, zone: timezone) -> Case:
    """An instant with an offset, and the same in UTC."""
    here = at.replace(tzinfo=zone)
    try:
        return Case(quoted(_iso(here)), here.astimezone(UTC))
    except OverflowError:
        return Case(quoted(_iso(here)), No())


@pytest.mark.parametrize("options", [{}, {"timezone": True}], ids=str)
@quick(2)
@given(many(st.builds(_zoned, _MOMENTS, _OFFSETS), *_NULLS), sent_as(_STRING, _DATE_TIME))
def test_a_timestamp_with_zone_is_kept_as_utc(
    lake: Lake, options: dict[str, Any], cases: list[Case], sent: Any
) -> None:
    at = datetime(2024, 1, 5, 10, 20, 30, tzinfo=UTC)
    spelt = [
        "2024-01-05T10:20:30Z",
        "2024-01-05 10:20:30Z",
        "2024-01-05T12:20:30+0200",
        "2024-01-05T12:20:30.000000000+02:00",
    ]
    finer = [Case('"2024-01-05T10:20:30.1234567Z"', No())]
    cases = [*cases, *(Case(quoted(t), at) for t in spelt), *finer, *_NEVER]
    read = check(lake, _column("timestamp", **options), cases, "timestamptz", sent=sent)
    assert read.coercions == {}
    assert {n: v and v.astimezone(UTC) for n, v in lake.duckdb(read).items()} == read.values


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Rome"])
@quick(2)
@given(many(_MOMENTS.map(lambda m: Case(quoted(_iso(m)), m))))
def test_a_time_without_zone_is_taken_to_be_in_the_default_zone(
    lake: Lake, zone: str | None, cases: list[Case]
) -> None:
    home = ZoneInfo(zone or "UTC")
    options = {} if zone is None else {"defaultTimezone": zone}
    expected = [Case(c.text, c.expected.replace(tzinfo=home).astimezone(UTC)) for c in cases]
    check(lake, _column("timestamp", **options), expected, "timestamptz", sent=_STRING)


@quick(1)
@given(
    many(
        _MOMENTS.map(lambda m: Case(quoted(_iso(m)), No())),
        Case('"2024-01-05T10:00:00Z"', datetime(2024, 1, 5, 10, tzinfo=UTC)),
    )
)
def test_with_timezone_true_a_time_without_zone_is_refused(lake: Lake, cases: list[Case]) -> None:
    check(lake, _column("timestamp", timezone=True), cases, "timestamptz", sent=_STRING)


_NAIVE = [
    _column("timestamp", timezone=False),
    {"physicalType": "TIMESTAMP_NTZ"},
    {"logicalType": "timestamp", "physicalType": "DATETIME"},
]


@pytest.mark.parametrize("column", _NAIVE, ids=str)
@quick(1)
@given(
    many(
        _MOMENTS.map(lambda m: Case(quoted(_iso(m)), m)) | _MOMENTS.map(lambda m: Case(quoted(_iso(m, " ")), m)),
        *_NULLS,
        *_NEVER,
    )
)
def test_a_timestamp_without_zone_is_kept_as_it_is(lake: Lake, column: dict[str, Any], cases: list[Case]) -> None:
    read = check(lake, column, cases, "timestamp", sent=_STRING)
    assert lake.duckdb(read) == read.values


@pytest.mark.parametrize("zone", [None, "Europe/Rome"])
@quick(2)
@given(many(st.builds(_zoned, _MOMENTS, _OFFSETS)))
def test_an_offset_for_a_column_without_zone_is_converted_and_dropped(
    lake: Lake, zone: str | None, cases: list[Case]
) -> None:
    home = ZoneInfo(zone or "UTC")
    options = {"timezone": False} | ({} if zone is None else {"defaultTimezone": zone})
    expected = [
        Case(c.text, c.expected.astimezone(home).replace(tzinfo=None)) for c in cases if not isinstance(c.expected, No)
    ]
    check(lake, _column("timestamp", **options), expected, "timestamp", sent=_DATE_TIME)


@quick(1)
@given(many(st.dates().map(lambda d: Case(quoted(d.isoformat()), datetime(d.year, d.month, d.day)))))  # noqa: DTZ001
def test_a_date_is_the_timestamp_at_its_midnight_and_counted(lake: Lake, cases: list[Case]) -> None:
    cases = [*cases, Case('"2024-01-05T10:00:00"', datetime(2024, 1, 5, 10))]  # noqa: DTZ001
    read = check(lake, _column("timestamp", timezone=False), cases, "timestamp", sent=_STRING)
    assert read.coercions == {"date to timestamp": sum(v != datetime(2024, 1, 5, 10) for v in read.values.values())}  # noqa: DTZ001


def _nanos(at: datetime, digits: int, *, cuts: bool) -> Case:
    text = f"{at.replace(microsecond=0).isoformat()}.{at.microsecond:06}{digits:03}Z"
    return Case(quoted(text), at.replace(tzinfo=UTC) if cuts or digits == 0 else No())


@pytest.mark.parametrize("cuts", [False, True])
@quick(2)
@given(st.lists(st.tuples(_MOMENTS, st.sampled_from([0, 0, 1, 100, 999])), min_size=40, max_size=60))
def test_digits_beyond_microseconds_are_cut_only_if_so_told(
    lake: Lake, cuts: bool, drawn: list[tuple[datetime, int]]
) -> None:
    cases = [_nanos(at, digits, cuts=cuts) for at, digits in drawn]
    read = check(lake, _column("timestamp"), cases, "timestamptz", sent=_DATE_TIME, truncate_nanoseconds=cuts)
    cut = sum(digits > 0 for _, digits in drawn)
    assert read.coercions == ({"cut to microseconds": cut} if cuts and cut else {})


def test_the_contract_may_have_digits_cut(lake: Lake) -> None:
    said = [{"property": "dativo.truncateNanoseconds", "value": True}]
    cases = [Case('"12:00:00.123456789"', time(12, 0, 0, 123456)), Case('"12:00:00.1"', time(12, 0, 0, 100000))]
    check(lake, {"logicalType": "time", "customProperties": said}, cases, "time", sent=_STRING)


# ---- numbers since 1970 ----

_UNITS = {"s": 10**6, "ms": 10**3, "us": 1}
_SINCE = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("unit", _UNITS)
@pytest.mark.parametrize("zone", [True, False])
@quick(1)
@given(
    st.lists(st.integers(-62_000_000_000, 253_000_000_000), min_size=40),
    sent_as({"type": ["null", "integer"]}, {"type": "number"}),
)
def test_a_number_since_1970_is_read_in_the_unit_of_the_contract(
    lake: Lake, unit: str, zone: bool, seconds: list[int], sent: Any
) -> None:
    def case(number: int) -> Case:
        at = _SINCE + timedelta(microseconds=number * _UNITS[unit])
        return Case(str(number), at if zone else at.astimezone(_ROME).replace(tzinfo=None))

    column = _column("timestamp", **({} if zone else {"timezone": False, "defaultTimezone": "Europe/Rome"}))
    column["customProperties"] = [{"property": "dativo.epoch", "value": unit}]
    half = _SINCE + timedelta(microseconds=_UNITS[unit] // 2)
    odd = [Case("0.5", No() if unit == "us" else half if zone else half.astimezone(_ROME).replace(tzinfo=None))]
    odd += [Case("1e30", No()), Case(str(10**18), No()) if unit != "us" else Case("true", No()), Case("true", No())]
    text = Case('"2024-01-05T10:00:00Z"', datetime(2024, 1, 5, 10, tzinfo=UTC) if zone else datetime(2024, 1, 5, 11))  # noqa: DTZ001
    read = check(lake, column, [*map(case, seconds), text, *odd], "timestamptz" if zone else "timestamp", sent=sent)
    assert read.coercions == {}


def test_a_number_is_no_timestamp_unless_the_contract_says_so(lake: Lake) -> None:
    check(
        lake, _column("timestamp"), [Case("1704067200", No()), Case('"1704067200"', No())], "timestamptz", sent=_STRING
    )


# ---- times ----


@quick(2)
@given(
    many(st.times().map(lambda t: Case(quoted(t.isoformat()), t.replace(fold=0))), *_NULLS),
    sent_as(_STRING, {"type": "string", "format": "time"}),
)
def test_a_time_is_a_time_of_day(lake: Lake, cases: list[Case], sent: Any) -> None:
    odd = ["24:00:00", "12", "12:60", "12:00:00Z", "12:00:00+02:00", "", "2024-01-01T12:00:00", "12:00:00.1234567"]
    others = [Case('"12:30"', time(12, 30)), Case("5", No()), *(Case(quoted(t), No()) for t in odd)]
    read = check(lake, _column("time"), [*cases, *others], "time", sent=sent)
    assert lake.duckdb(read) == read.values


_ZONED_TIMES = [
    _column("time", timezone=True),
    {"logicalType": "time", "physicalType": "TIMETZ"},
    _column("time", format="HH:mmXXX"),
]


@pytest.mark.parametrize("column", _ZONED_TIMES, ids=str)
def test_a_time_with_a_zone_is_text(lake: Lake, column: dict[str, Any]) -> None:
    check(lake, column, [Case('"12:30+02:00"', "12:30+02:00")], "string", sent=_STRING)


# ---- JDK formats ----

_FORMATS = {
    "dd/MM/yyyy": "{0.day:02}/{0.month:02}/{0.year:04}",
    "yyyyMMdd": "{0.year:04}{0.month:02}{0.day:02}",
    "'on' dd.MM.yyyy": "on {0.day:02}.{0.month:02}.{0.year:04}",
    "yyyyMMddHHmmss": "{0.year:04}{0.month:02}{0.day:02}{0.hour:02}{0.minute:02}{0.second:02}",
    "dd MMM yyyy HH:mm:ss.SSSSSS": "{0:%d} {0:%b} {0.year:04} {0:%H:%M:%S}.{0.microsecond:06}",
    "yyyy/MM/dd HH:mm:ss.SSSSSSSSS": "{0.year:04}/{0:%m/%d %H:%M:%S}.{0.microsecond:06}000",
    "EEE, dd-MM-yyyy hh:mm:ss a": "{0:%a, %d-%m}-{0.year:04} {0:%I:%M:%S %p}",
}


def _to_the_digit(at: datetime, pattern: str) -> datetime:
    """What the pattern keeps of a moment."""
    if "ss" not in pattern:
        return at.replace(hour=0, minute=0, second=0, microsecond=0)
    return at if "S" in pattern else at.replace(microsecond=0)


@pytest.mark.parametrize("pattern", _FORMATS)
@quick(1)
@given(st.lists(_MOMENTS, min_size=40))
def test_a_format_reads_what_jdk_writes(lake: Lake, pattern: str, moments: list[datetime]) -> None:
    cases = [Case(quoted(_FORMATS[pattern].format(at)), _to_the_digit(at, pattern)) for at in moments]
    iso = [Case('"2024-01-05T00:00:00"', datetime(2024, 1, 5)), Case('"5.1.2024"', No()), Case('""', No())]  # noqa: DTZ001
    check(lake, _column("timestamp", timezone=False, format=pattern), [*cases, *iso], "timestamp", sent=_STRING)


@quick(1)
@given(many(st.builds(_zoned, _MOMENTS.map(lambda m: m.replace(second=0, microsecond=0)), _OFFSETS)))
def test_a_format_may_have_an_offset(lake: Lake, cases: list[Case]) -> None:
    spelt = [Case((c.text or "").replace("-", "/", 2).replace("T", " ", 1), c.expected) for c in cases]
    check(lake, _column("timestamp", format="yyyy/MM/dd HH:mm:ssXXX"), spelt, "timestamptz", sent=_STRING)


@pytest.mark.parametrize(
    "text", ["2024111", "202411", "20241101x", "2024 1 1", "\u0662\u0660\u0662\u0664\u0661\u0661\u0660\u0661"]
)
def test_a_format_wants_every_digit(lake: Lake, text: str) -> None:
    cases = [Case(quoted(text), No()), Case('"20241101"', date(2024, 11, 1))]
    check(lake, _column("date", format="yyyyMMdd"), cases, "date", sent=_STRING)


@pytest.mark.parametrize(
    ("kind", "pattern", "said"),
    [
        ("date", "yyyy-MM", "no day"),
        ("timestamp", "HH:mm", "no year"),
        ("timestamp", "yyyy-MM-dd hh:mm", "'hh', which counts to twelve, but no 'a'"),
        ("date", "yyyy-MM-dd yyyy", "'yyyy' twice"),
        ("time", "mm:ss", "'mm'"),
        ("date", "dd.M.yyyy", "'M'"),
    ],
)
def test_a_format_that_would_leave_something_to_be_made_up_is_refused(
    lake: Lake, kind: str, pattern: str, said: str
) -> None:
    with pytest.raises(ContractError, match=said):
        lake.load(_column(kind, format=pattern), [])


@quick(1)
@given(
    many(st.dates().map(lambda d: Case(quoted(f"{d.year:04}-{d.month}-{d.day}"), d))),
    st.sampled_from(["setting", "flat"]),
)
def test_dativo_reads_dates_without_leading_zeros(lake: Lake, cases: list[Case], way: str) -> None:
    option: dict[str, Any] = {"coercion": "dativo"} if way == "setting" else {"dativo": {"coercion": "dativo"}}
    check(lake, _column("date"), [*cases, Case('"24-1-5"', No())], "date", sent=_STRING, **option)
    texts = ["2024-1-5T1:2:3", "2024-1-5 1:2:3", "2024-01-05T01:02:03Z", "2024-1-5T1:2:3.000Z", "2024-1-5T2:2:3+0100"]
    moments = [Case(quoted(t), datetime(2024, 1, 5, 1, 2, 3)) for t in texts]  # noqa: DTZ001
    check(lake, _column("timestamp", timezone=False), moments, "timestamp", sent=_STRING, **option)
