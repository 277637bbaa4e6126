"""Sheets as streams: cells and types, headers, ranges, bookmarks; through the target and read back."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from tap_adapters.common.errors import FileError, SettingsError
from tap_adapters.google_sheets import reading
from tap_adapters.google_sheets.ranges import Range
from tap_adapters.google_sheets.tap import TapGoogleSheets
from tests.conftest import Load
from tests.google.documents import SPREADSHEET, Doc, Sheet
from tests.google.server import Google
from tests.readback import Tables
from tests.tap_google_sheets.conftest import Sync
from tests.taps.running import Messages

_at = datetime.fromisoformat
HEADER = ["id", "name", "price", "paid", "day", "at"]
ROWS: list[list[Any]] = [
    [1, "Zoë", 12.5, True, date(2026, 2, 3), _at("2026-02-03T14:30:15")],
    [2, "Ada", 3, False],
    [],
    [3, "", None, True, date(1999, 12, 31), _at("2026-02-03")],
]
TYPES = {"id": "integer", "price": "number", "paid": "boolean", "day": "date", "at": "date-time"}
SECRET = "hunter2"


def _book(google: Google, *rows: list[Any], title: str = "Orders", **more: Any) -> Doc:
    doc = Doc("book", "Book", mime=SPREADSHEET, sheets=[Sheet(title, list(rows), **more)])
    google.add(doc)
    return doc


def test_a_sheet_lands_in_a_table_and_is_read_again_only_when_it_changed(
    google: Google, sync: Sync, load: Load, tables: Tables
) -> None:
    book = _book(google, HEADER, *ROWS)
    first = sync(types=TYPES, keys=["id"])
    load(first.out, load_method="upsert")
    query = 'SELECT id, name, price, paid, day::text, "at"::text FROM {orders} ORDER BY id'
    assert tables.sql(query) == [
        (1, "Zoë", 12.5, True, "2026-02-03", "2026-02-03 14:30:15+00"),
        (2, "Ada", 3.0, False, None, None),
        (3, None, None, True, "1999-12-31", "2026-02-03 00:00:00+00"),
    ]
    assert first.state == {"bookmarks": {"orders": {"files": {"book": {"last_modified": book.modified}}}}}

    google.requests.clear()
    unchanged = sync(types=TYPES, keys=["id"], state=first.state)
    assert unchanged.records() == []
    assert unchanged.state == first.state
    assert [path for path in google.requests if "A2" in path] == []

    book.sheets[0].cells.append([4, "Lin"])
    book.modified = "2026-01-02T10:00:00.000Z"
    second = sync(types=TYPES, keys=["id"], state=first.state)
    assert [row["id"] for row in second.records()] == [1, 2, 3, 4]
    load(second.out, load_method="upsert")
    assert tables.sql("SELECT count(*), count(DISTINCT id) FROM {orders}") == [(4, 4)]


def test_a_bookmark_of_an_old_state_file_counts(google: Google, sync: Sync) -> None:
    _book(google, HEADER, *ROWS)
    files = {"book": {"last_modified": "2026-01-01T11:00:00+01:00"}}
    assert sync(state={"bookmarks": {"orders": {"files": files}}}).records() == []


def test_without_types_cells_are_text_with_all_their_digits(google: Google, sync: Sync) -> None:
    _book(google, HEADER, [1, 0.1, 1e21, True, date(2026, 2, 3), "007"], [1.0, 12345678901234, -0.5, "x", None, 1e-7])
    assert [list(row.values()) for row in sync().records()] == [
        ["1", "0.1", "1e+21", "TRUE", "03.02.2026", "007"],
        ["1", "12345678901234", "-0.5", "x", None, "1e-07"],
    ]


def test_empty_and_repeated_headers_get_names_and_short_rows_nulls(google: Google, sync: Sync) -> None:
    _book(google, ["id", "", "id", " note "], ["a"], ["b", "c", "d", "e"])
    assert sync().records() == [
        {"id": "a", "column_2": None, "id_2": None, "note": None},
        {"id": "b", "column_2": "c", "id_2": "d", "note": "e"},
    ]


def test_values_right_of_the_last_named_column_are_left_out_with_a_warning(
    google: Google, sync: Sync, caplog: pytest.LogCaptureFixture
) -> None:
    _book(google, ["id"], ["a"], ["b", "", SECRET])
    assert sync().records() == [{"id": "a"}, {"id": "b"}]
    assert "Sheet 'Orders' of spreadsheet book, row 3: there are values right of its last named column" in caplog.text
    assert SECRET not in caplog.text


def test_a_range_bounds_what_is_read(google: Google, sync: Sync) -> None:
    rows = [["x"], ["", "id", "n", "out"], ["", "a", "1", "z"], ["", "b", "2"], ["", "c", "3"]]
    _book(google, *rows, columns=4, rows=5)
    assert sync(range="B2:C4").records() == [{"id": "a", "n": "1"}, {"id": "b", "n": "2"}]
    assert [row["id"] for row in sync(range="B2:Z9000").records()] == ["a", "b", "c"]


def test_a_sheet_without_header_has_numbered_or_given_columns(google: Google, sync: Sync) -> None:
    _book(google, ["a"], ["b", "c"], [])
    assert sync(has_header=False).records() == [{"column_1": "a", "column_2": None}, {"column_1": "b", "column_2": "c"}]
    assert sync(has_header=False, columns=["k"]).records() == [{"k": "a"}, {"k": "b"}]
    assert list(sync(has_header=False, range="A1:C1").records()[0]) == ["column_1", "column_2", "column_3"]


def test_sheets_are_chosen_by_title_or_id_and_titles_are_quoted(google: Google, sync: Sync) -> None:
    book = _book(google, ["id"], ["first"])
    book.sheets += [Sheet("It's", [["id"], ["second"]], id=77), Sheet("Chart", [], id=78, kind="OBJECT")]
    assert sync().records() == [{"id": "first"}]
    assert sync(sheet="It's").records() == sync(sheet_id=77).records() == [{"id": "second"}]
    with pytest.raises(FileError, match="it has not the sheet 'Its'; there are: 'Orders', \"It's\", 'Chart'"):
        sync(sheet="Its")
    with pytest.raises(FileError, match="sheet 'Chart' holds no cells"):
        sync(sheet="Chart")


def test_a_long_sheet_comes_in_blocks(google: Google, sync: Sync, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CELLS_PER_REQUEST", 20)
    _book(google, ["id", "n"], *[[str(number), 1] for number in range(35)], columns=2, rows=40)
    assert [row["id"] for row in sync(types={"n": "integer"}).records()] == [str(number) for number in range(35)]
    assert len([path for path in google.requests if "/values/" in path]) == 1 + 1 + 4


def test_a_value_that_does_not_fit_is_an_error_with_its_row(google: Google, sync: Sync) -> None:
    _book(google, ["id", "day"], [1, date(2026, 1, 1)], [], [SECRET, "soon"])
    for types, column in (({"id": "integer"}, "id"), ({"day": "date"}, "day")):
        with pytest.raises(
            FileError, match=f"Sheet 'Orders' of spreadsheet book, row 4: the value in column '{column}'"
        ) as caught:
            sync(types=types)
        assert SECRET not in str(caught.value)


def test_a_time_of_day_is_no_date(google: Google, sync: Sync) -> None:
    _book(google, ["day"], [_at("2026-01-01T12:00")])
    with pytest.raises(FileError, match="does not convert to date without loss"):
        sync(types={"day": "date"})


def test_a_sheet_that_changes_while_it_is_read_keeps_its_old_time(google: Google, sync: Sync) -> None:
    book = _book(google, ["id"], ["a"])

    times = iter(["2026-01-01T10:00:00.000Z", "2026-01-01T10:00:05.000Z"])
    book.__class__ = type("MovingDoc", (Doc,), {"modified": property(lambda _: next(times), lambda *_: None)})
    first = sync()
    assert first.state["bookmarks"]["orders"]["files"]["book"]["last_modified"] == "2026-01-01T10:00:00.000Z"


def _catalog(first: Messages, method: str) -> dict[str, Any]:
    item = {
        "tap_stream_id": "orders",
        "schema": first.of("SCHEMA")[0]["schema"],
        "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}],
        "replication_method": method,
    }
    return {"streams": [item]}


def test_full_table_reads_it_again(google: Google, sync: Sync) -> None:
    _book(google, ["id"], ["a"])
    first = sync()
    assert sync(state=first.state, catalog=_catalog(first, "FULL_TABLE")).records() == [{"id": "a"}]


def test_a_sheet_whose_columns_are_others_than_the_catalogs_is_an_error_and_no_table_of_nulls(
    google: Google, sync: Sync, caplog: pytest.LogCaptureFixture
) -> None:
    book = _book(google, ["id", "n"], ["a", "b"])
    catalog = _catalog(sync(), "INCREMENTAL")
    book.sheets[0].cells = [["id", "m"], ["a", "b"]]
    assert sync(catalog=catalog).records() == [{"id": "a", "n": None}]
    assert "has columns that the catalog does not list: m" in caplog.text
    assert "lacks columns of the catalog, which are null: n" in caplog.text
    book.sheets[0].cells = [["k"], ["a"]]
    with pytest.raises(FileError, match="it has none of the columns of the catalog"):
        sync(catalog=catalog)


def test_a_sheet_without_columns_or_keys_is_an_error(google: Google, sync: Sync) -> None:
    book = _book(google)
    with pytest.raises(FileError, match="its row 1 is empty, where the header should be"):
        sync()
    with pytest.raises(FileError, match="it holds no value, so its columns are not known"):
        sync(has_header=False)
    book.sheets[0].cells = [["id"]]
    with pytest.raises(FileError, match="it has no column 'nr', a key of 'orders'"):
        sync(keys=["nr"])
    with pytest.raises(SettingsError, match="'types' of 'orders' names column 'nr', which it lacks"):
        sync(types={"nr": "integer"})
    with pytest.raises(FileError, match="lies outside of it"):
        sync(range="ZZ1:ZZ9")
    assert sync().records() == []


SHEET = {"spreadsheet_id": "b", "object": "o"}
BAD_SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "none": ({}, "set 'sheets' to at least one entry"),
    "typo": ({"sheets": [{**SHEET, "ranges": "A:B"}]}, "did you mean 'range'?"),
    "range": ({"sheets": [{**SHEET, "range": "Orders!A1:B2"}]}, "'sheets[0].range' must be"),
    "both": ({"sheets": [{**SHEET, "sheet": "x", "sheet_id": 1}]}, "exclude each other"),
    "twice": ({"sheets": [SHEET] * 2}, "'sheets[1].object' is that of an earlier entry"),
    "type": ({"sheets": [{**SHEET, "types": {"a": "int"}}]}, "'sheets[0].types.a' must be"),
    "columns": ({"sheets": [{**SHEET, "columns": ["a"]}]}, "'has_header: false' only"),
    "id": ({"sheets": [{"spreadsheet_id": "https://x/y", "object": "o"}]}, "'spreadsheet_id' (as in the URL)"),
    "http": ({"sheets": [SHEET], "sheets_url": "http://x"}, "'sheets_url' must be"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_bad_settings_are_errors_with_their_place(google: Google, case: str) -> None:
    config, expected = BAD_SETTINGS[case]
    with pytest.raises(SettingsError) as caught:
        TapGoogleSheets(config=google.settings(**config))
    assert expected in str(caught.value)
    assert google.requests == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("A1:Z1000", "'s'!A1:Z50"),
        ("b:d", "'s'!B1:D50"),
        ("A2:F", "'s'!A2:F50"),
        ("3:9", "'s'!A3:AB9"),
        ("AA1:AB2", "'s'!AA1:AB2"),
        (None, "'s'!A1:AB50"),
    ],
)
def test_ranges_are_cut_to_the_grid(text: str | None, shown: str) -> None:
    found = Range.parse(text)
    assert found is not None
    assert found.within(50, 28).a1("s") == shown


@pytest.mark.parametrize("text", ["A1", "Orders!A1:B2", "B1:A2", "A5:B2", ":", "A:", "named"])
def test_what_is_no_range_is_refused(text: str) -> None:
    assert Range.parse(text) is None
