"""Typed columns: converted without loss, or refused with file, line and column."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_adapters.common.errors import FileError, SettingsError
from tap_adapters.common.values import UnfitError, kind_of, typed
from tests.tap_csv.conftest import Sync, entry

GOOD: list[tuple[str, str, Any]] = [
    ("integer", "42", 42),
    ("integer", "-007", -7),
    ("integer", "+7", 7),
    ("integer", " 7 ", 7),
    ("integer", "9223372036854775807", 2**63 - 1),
    ("number", "19.99", 19.99),
    ("number", "12.50", 12.5),
    ("number", "-.5", -0.5),
    ("number", "+3.", 3.0),
    ("number", "1e20", 1e20),
    ("number", "0.30000000000000004", 0.1 + 0.2),
    ("number", "123456789012345680", 1.2345678901234568e17),
    ("boolean", "TRUE", True),
    ("boolean", "n", False),
    ("boolean", "0", False),
    ("date", "2024-02-29", "2024-02-29"),
    ("date-time", "2024-05-01T10:00:00Z", "2024-05-01T10:00:00Z"),
    ("date-time", "2024-05-01 10:00:00.123456789", "2024-05-01T10:00:00.123456789"),
    ("date-time", "2024-05-01 10:00", "2024-05-01T10:00:00"),
    ("date-time", "2024-05-01T10:00:00.5 +0530", "2024-05-01T10:00:00.5+05:30"),
    ("date-time", "2024-05-01t10:00:00z", "2024-05-01T10:00:00Z"),
    ("date-time", "2024-05-01T10:00:00-03", "2024-05-01T10:00:00-03:00"),
    ("string", " 7 ", " 7 "),
]
BAD = [
    ("integer", "1.0"),
    ("integer", "0x1F"),
    ("integer", "1_000"),
    ("integer", "٣"),
    ("integer", "9223372036854775808"),
    ("integer", "9" * 5000),
    ("number", "1,5"),
    ("number", "nan"),
    ("number", "Infinity"),
    ("number", "1e400"),
    ("number", "1e-400"),
    ("number", "0.12345678901234567890"),
    ("number", "123456789012345678"),
    ("boolean", "2"),
    ("boolean", "maybe"),
    ("date", "2024-02-30"),
    ("date", "01.02.2024"),
    ("date", "2024-02-01T00:00:00"),
    ("date-time", "2024-02-30 10:00:00"),
    ("date-time", "2024-02-01 25:00:00"),
    ("date-time", "2024-02-01"),
    ("date-time", "2024-02-01T10:00:00+25:00"),
]


@pytest.mark.parametrize(("kind", "text", "value"), GOOD)
def test_a_fitting_text_becomes_the_value(kind: str, text: str, value: Any) -> None:
    cells = typed(pa.array([text, None, ""]), kind, ("",))
    assert cells.to_pylist() == [value, None, None]


@pytest.mark.parametrize(("kind", "text"), BAD)
def test_a_text_that_does_not_fit_is_found_in_its_row(kind: str, text: str) -> None:
    good = next(good for known, good, _ in GOOD if known == kind)
    with pytest.raises(UnfitError) as error:
        typed(pa.array([good, None, good, text, good, text]), kind, ("",))
    assert error.value.row == 3


def test_an_empty_text_is_no_number_unless_it_is_null() -> None:
    with pytest.raises(UnfitError):
        typed(pa.array(["1", ""]), "integer", ())


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False).map(str) | st.floats().map(repr), min_size=1))
def test_a_number_is_exact_or_refused(texts: list[str]) -> None:
    for text in texts:
        try:
            value = typed(pa.array([text]), "number", ()).to_pylist()[0]
        except UnfitError:
            continue
        assert Decimal(repr(value)) == Decimal(text)


@given(st.integers(), st.sampled_from(["", "+", "0"]))
def test_an_integer_is_exact_or_beyond_64_bits(number: int, prefix: str) -> None:
    text = prefix + str(number) if number >= 0 else str(number)
    try:
        assert typed(pa.array([text]), "integer", ()).to_pylist() == [number]
    except UnfitError:
        assert not -(2**63) <= number < 2**63


@given(st.datetimes(timezones=st.none() | st.timezones()), st.sampled_from("T "))
def test_a_date_time_keeps_its_digits_and_its_offset(moment: Any, separator: str) -> None:
    if moment.utcoffset() is not None and moment.utcoffset().total_seconds() % 60:
        moment = moment.replace(tzinfo=None)
    text = moment.isoformat(separator)
    assert typed(pa.array([text]), "date-time", ()).to_pylist() == [moment.isoformat()]


TYPES = {"i": "integer", "n": "number", "b": "boolean", "d": "date", "t": "date-time"}
GOOD_ROW = "1,1.5,true,2024-01-01,2024-01-01 10:00:00Z"


def test_types_shape_schema_and_records(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"i,n,b,d,t\n{GOOD_ROW}\n,,,,\n")
    messages = sync(entry("a.csv", types=TYPES))
    properties = messages.of("SCHEMA")[0]["schema"]["properties"]
    assert properties["n"] == {"type": ["number", "null"]}
    assert properties["t"] == {"type": ["string", "null"], "format": "date-time"}
    full = {"i": 1, "n": 1.5, "b": True, "d": "2024-01-01", "t": "2024-01-01T10:00:00Z"}
    assert messages.records() == [full, dict.fromkeys(TYPES)]


@pytest.mark.parametrize("metadata", [False, True])
def test_an_unfit_value_is_named_by_file_line_and_column(sync: Sync, tmp_path: Path, metadata: bool) -> None:
    (tmp_path / "a.csv").write_text('i,text\n1,"a\r\nb"\n\n2,c\nx,d\n')
    with pytest.raises(
        FileError, match=r"^a\.csv, line 6: the value in column 'i' does not convert to integer without"
    ):
        sync(entry("a.csv", types={"i": "integer"}), add_metadata_columns=metadata)


def test_the_catalog_may_type_a_column(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("i,text\n1,a\n")
    schema: dict[str, Any] = {"properties": {"i": {"type": ["null", "integer"]}, "text": {"type": "string"}}}
    stream = {"tap_stream_id": "rows", "schema": schema}
    stream["metadata"] = [{"breadcrumb": [], "metadata": {"selected": True}}]
    assert sync(entry("a.csv"), catalog={"streams": [stream]}).records() == [{"i": 1, "text": "a"}]
    schema["properties"]["text"] = {"type": ["object", "null"]}
    with pytest.raises(SettingsError, match="column 'text' of a table is no object or array"):
        sync(entry("a.csv"), catalog={"streams": [stream]})


def test_a_column_that_the_catalog_does_not_list_is_left_out_with_a_warning(
    sync: Sync, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.csv").write_text("i,new\n1,a\n")
    stream = {"tap_stream_id": "rows", "schema": {"properties": {"i": {"type": "string"}, "gone": {"type": "number"}}}}
    stream["metadata"] = [{"breadcrumb": [], "metadata": {"selected": True}}]  # type: ignore[assignment]
    assert sync(entry("a.csv"), catalog={"streams": [stream]}).records() == [{"i": "1", "gone": None}]
    assert "a.csv has columns that the catalog does not list: new; they are left out. Run discovery again." in (
        caplog.messages
    )


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": ["null", "boolean"]}, "boolean"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "email"}, "string"),
        ({"type": ["string", "integer"]}, "string"),
        ({"type": ["number", "integer"]}, "string"),
        ({"type": ["array", "null"]}, None),
        ({}, "string"),
    ],
)
def test_the_kind_of_a_property(schema: dict[str, Any], kind: str | None) -> None:
    assert kind_of(schema) == kind
