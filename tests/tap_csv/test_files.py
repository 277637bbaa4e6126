"""Which files are read, and what is read out of each kind of file."""

from __future__ import annotations

import codecs
import gzip
import os
import zipfile
from pathlib import Path

import pytest

from tap_adapters.common.errors import FileError, SettingsError
from tests.tap_csv.conftest import Sync, entry

ROWS = [{"id": "1", "name": "Zoë"}, {"id": "2", "name": "Łódź 😀"}]
TEXT = "id,name\n1,Zoë\n2,Łódź 😀\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), None),
        (codecs.BOM_UTF8 + TEXT.encode(), None),
        (codecs.BOM_UTF8 + TEXT.encode(), "utf-8-sig"),
        (TEXT.encode("utf-16"), None),
        (TEXT.encode("utf-16"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), None),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "latin-1"),
        (TEXT.encode("utf-32"), None),
        (TEXT.encode("gb18030"), "gb18030"),
        (TEXT.replace("\n", "\r\n").encode(), None),
        (TEXT.replace("\n", "\r").encode(), None),
        (TEXT.rstrip("\n").encode(), None),
        (("\n\n" + TEXT.replace("\n", "\n\n")).encode(), None),
    ],
)
def test_text_is_read_whatever_its_encoding_and_line_ends(
    sync: Sync, tmp_path: Path, content: bytes, encoding: str | None
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    more = {} if encoding is None else {"encoding": encoding}
    assert sync(entry("a.csv", **more)).records() == ROWS


def test_bytes_that_are_no_text_are_an_error_with_the_line(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'id,name\r\n1,"a\r\nb"\r\n2,\xe9\r\n')
    with pytest.raises(FileError, match=r"^a\.csv, line 4: the bytes are not valid utf-8; set 'encoding'"):
        sync(entry("a.csv"))
    (tmp_path / "b.csv").write_bytes(TEXT.encode("utf-16")[:-1])
    with pytest.raises(FileError, match=r"^b\.csv, line 3: the bytes are not valid utf-16-le"):
        sync(entry("b.csv"))


@pytest.mark.parametrize(
    ("content", "settings"),
    [
        ('id;name\n1;"a;b"\n', {"delimiter": ";"}),
        ("id\tname\n1\ta;b\n", {"delimiter": "\t"}),
        ("id\tname\n1\ta;b\n", {"delimiter": "\\t"}),
        ("id,name\n1,'a;b'\n", {"quotechar": "'"}),
        ("id,name\n1, a;b\n", {"skipinitialspace": True}),
        ("id;name\n1;a\\;b\n", {"delimiter": ";", "escapechar": "\\"}),
        ("id§name\n1§a;b\n", {"delimiter": "§"}),
    ],
)
def test_dialects_are_read_as_set(sync: Sync, tmp_path: Path, content: str, settings: dict[str, object]) -> None:
    (tmp_path / "a.csv").write_text(content)
    assert sync(entry("a.csv", **settings)).records() == [{"id": "1", "name": "a;b"}]


def test_quotes_keep_line_breaks_delimiters_and_doubled_quotes(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'id,name\n1,"a\nb"\n2,"c\r\nd"\n3,"say ""hi"", she"\n4,5" pipe\n')
    names = [record["name"] for record in sync(entry("a.csv")).records()]
    assert names == ["a\nb", "c\r\nd", 'say "hi", she', '5" pipe']


def test_no_quotechar_makes_a_quote_an_ordinary_character(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,name\n1,"a\n')
    assert sync(entry("a.csv", quotechar="")).records() == [{"id": "1", "name": '"a'}]


def test_strict_refuses_what_is_otherwise_read_leniently(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,name\n1,"a"b\n')
    assert sync(entry("a.csv")).records() == [{"id": "1", "name": "ab"}]
    with pytest.raises(FileError, match=r"^a\.csv, line 2: not CSV in the dialect set for it"):
        sync(entry("a.csv", strict=True))


def test_a_tsv_path_is_tab_separated_unless_set(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("id\tname\n1\ta,b\n")
    assert sync(entry("a.tsv")).records() == [{"id": "1", "name": "a,b"}]
    assert sync(entry("a.tsv", delimiter=",", on_ragged_row="skip")).of("SCHEMA")[0]["schema"]["properties"].keys() == {
        "id\tname"
    }


def test_gzip_and_zip_are_read_through(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(TEXT.encode("utf-16")))
    assert sync(entry("a.csv.gz")).records() == ROWS
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sub/2.csv", "id,name\n2,Łódź 😀\n")
        archive.writestr("1.csv", "id,name\n1,Zoë\n")
        archive.writestr("__MACOSX/._1.csv", b"\x00\x05")
        archive.writestr("readme.txt", "not me")
    messages = sync(entry("b.zip"), add_metadata_columns=True)
    assert [(r["_sdc_source_file"], r["name"]) for r in messages.records()] == [
        ("b.zip!1.csv", "Zoë"),
        ("b.zip!sub/2.csv", "Łódź 😀"),
    ]
    assert list(messages.state["bookmarks"]["rows"]["files"]) == ["b.zip"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", gzip.compress(b"id\n" + bytes(range(32, 127)) * 5000)[:-20]),
        ("a.csv.gz", b"id\n1\n"),
        ("a.zip", b"id\n1\n"),
    ],
)
def test_broken_archives_are_an_error(sync: Sync, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        FileError, match=r"^a\.(csv\.gz|zip): is not a valid (gzip file|zip archive), or it is cut short"
    ):
        sync(entry(name))


def test_a_zip_without_csv_is_an_error(sync: Sync, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "x")
        archive.writestr("b.txt", "x")
    with pytest.raises(FileError, match=r"holds no member that ends in \.csv or \.tsv"):
        sync(entry("a.zip"))


def test_an_encrypted_zip_is_an_error(sync: Sync, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "id\n1\n")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(FileError, match=r"^a\.zip: the archive is encrypted"):
        sync(entry("a.zip"))


def test_globs_and_folders_feed_one_stream_in_the_order_of_names(sync: Sync, tmp_path: Path) -> None:
    for name in ("in/b.csv", "in/a.csv", "in/deep/c.csv.gz", "in/.hidden.csv", "in/notes.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        content = f"id\n{name}\n".encode()
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    found = {
        path: [record["id"] for record in sync(entry(path)).records()]
        for path in ("in", "in/*.csv", "in/[ab].csv", "in/**/c.*", str(tmp_path / "in" / "?.csv"))
    }
    assert found["in"] == ["in/a.csv", "in/b.csv", "in/deep/c.csv.gz"]
    assert found["in/*.csv"] == ["in/.hidden.csv", "in/a.csv", "in/b.csv"]
    assert found["in/[ab].csv"] == found[str(tmp_path / "in" / "?.csv")] == ["in/a.csv", "in/b.csv"]
    assert found["in/**/c.*"] == ["in/deep/c.csv.gz"]


def test_a_path_that_exists_is_no_glob(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_text("id\n1\n")
    (tmp_path / "a1.csv").write_text("id\n2\n")
    assert sync(entry("a[1].csv")).records() == [{"id": "1"}]


def test_entries_of_one_entity_are_one_stream_and_no_file_is_read_twice(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,name\n1,a\n")
    (tmp_path / "b.txt").write_text("name;id\nb;2\n")
    messages = sync(entry("a.csv"), entry("b.txt", delimiter=";"), entry("*.csv"))
    assert len(messages.of("SCHEMA")) == 1
    assert messages.records() == [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]


def test_differing_headers_make_a_union_and_a_warning(
    sync: Sync, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "1.csv").write_text("id,name\n1,a\n")
    (tmp_path / "2.csv").write_text("place,id\nZRH,2\n")
    messages = sync(entry("*.csv", keys=["id"]))
    assert list(messages.of("SCHEMA")[0]["schema"]["properties"]) == ["id", "name", "place"]
    assert messages.records() == [
        {"id": "1", "name": "a", "place": None},
        {"id": "2", "name": None, "place": "ZRH"},
    ]
    expected = "Entity 'rows': 2 of 2 files lack some of its 3 columns, which are null there; the first is 1.csv."
    assert expected in caplog.messages


def test_a_file_without_the_key_column_is_an_error(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("id,name\n1,a\n")
    (tmp_path / "2.csv").write_text("name\nb\n")
    with pytest.raises(FileError, match=r"^2\.csv: it has no column 'id', a key of 'rows'"):
        sync(entry("*.csv", keys=["id"]))


def test_empty_and_repeated_column_names_are_made_unique(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,,a,a_2,a\n1,2,3,4,5\n")
    assert sync(entry("a.csv")).records() == [{"a": "1", "column_2": "2", "a_3": "3", "a_2": "4", "a_4": "5"}]


def test_files_without_header_take_names_from_columns_or_positions(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,a\n2,b\n")
    assert sync(entry("a.csv", header=False, columns=["id", "name"])).records()[1] == {"id": "2", "name": "b"}
    assert sync(entry("a.csv", header=False)).records()[0] == {"column_1": "1", "column_2": "a"}
    with pytest.raises(FileError, match="line 1: the row has 2 fields where 3 are expected"):
        sync(entry("a.csv", header=False, columns=["id", "name", "more"]))


def test_null_markers_and_empty_fields(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a,b,c,d\nNULL,,"",\\N\n')

    def cells(**settings: object) -> list[object]:
        return list(sync(entry("a.csv", **settings)).records()[0].values())

    assert cells() == ["NULL", None, None, "\\N"]
    assert cells(null_values=["NULL", "\\N"]) == [None, None, None, None]
    assert cells(null_values=["NULL"], empty_is_null=False) == [None, "", "", "\\N"]
    everywhere = sync(entry("a.csv", null_values=["\\N"]), null_values=["NULL"], empty_is_null=False)
    assert list(everywhere.records()[0].values()) == ["NULL", "", "", None]


def test_files_with_a_header_only_or_nothing_give_no_record(
    sync: Sync, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.csv").write_text("id\n")
    (tmp_path / "b.csv").write_text("")
    messages = sync(entry("*.csv"))
    assert messages.records() == []
    assert set(messages.state["bookmarks"]["rows"]["files"]) == {"a.csv", "b.csv"}
    assert "b.csv holds no record at all, not even a header." in caplog.messages


def test_metadata_columns_name_file_time_and_line(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,name\n\n1,"a\nb"\n2,c\n')
    messages = sync(entry("a.csv"), add_metadata_columns=True)
    modified = messages.state["bookmarks"]["rows"]["files"]["a.csv"]["last_modified"]
    file = {"_sdc_source_file": "a.csv", "_sdc_source_file_mtime": modified}
    assert messages.records() == [
        file | {"_sdc_source_lineno": 3, "id": "1", "name": "a\nb"},
        file | {"_sdc_source_lineno": 5, "id": "2", "name": "c"},
    ]
    (tmp_path / "b.csv").write_text("_sdc_source_file\n1\n")
    with pytest.raises(SettingsError, match="'_sdc_source_file' exists"):
        sync(entry("b.csv"), add_metadata_columns=True)


def test_ragged_rows_are_reported_counted_and_left_out_on_request(
    sync: Sync, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.csv").write_text('id,name\n1,a\n2\n3,"x\ny"\n4,b,c\n5,d\n')
    messages = sync(entry("a.csv"), on_ragged_row="skip")
    assert [record["id"] for record in messages.records()] == ["1", "3", "5"]
    for line, count in ((3, 1), (6, 3)):
        expected = f"Stream 'rows', a.csv, line {line}: the row has {count} fields where 2 are expected; skipped."
        assert expected in caplog.messages
    assert "2 ragged rows were skipped in stream 'rows'." in caplog.messages


def test_many_ragged_rows_are_not_all_named(sync: Sync, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.csv").write_text("id,name\n" + "1\n" * 5000)
    assert sync(entry("a.csv", on_ragged_row="skip")).records() == []
    assert "a.csv: 5000 ragged rows were skipped." in caplog.messages
    assert len([text for text in caplog.messages if "line" in text]) == 100


@pytest.mark.parametrize("strict", [False, True])
def test_an_unclosed_quote_is_an_error_with_the_line_where_it_opens(sync: Sync, tmp_path: Path, strict: bool) -> None:
    (tmp_path / "a.csv").write_text('id,name,more\n1,a,b\n2,"x\r\ny","open\nand\nso on\n')
    with pytest.raises(FileError, match=r"^a\.csv, line 4: the file ends inside a quoted field"):
        sync(entry("a.csv", strict=strict))


def test_a_field_beyond_all_measure_is_an_error(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,name\n1,a\n2,"' + ("x" * 999 + "\n") * 35_000)
    with pytest.raises(FileError, match=r"^a\.csv, line 3: .* more than 32 M characters; an unclosed quote"):
        sync(entry("a.csv"))


def test_a_file_without_line_breaks_is_refused_before_it_fills_memory(sync: Sync, tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate(200 * 2**20)
    with pytest.raises(FileError, match=r"^a\.csv: a line is longer than 64 MB"):
        sync(entry("a.csv"))


def test_what_is_no_regular_file_is_an_error(sync: Sync, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(FileError, match=r"'a\.csv' is not a regular file"):
        sync(entry("a.csv"))
