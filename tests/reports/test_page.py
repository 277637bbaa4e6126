"""The page of `dativo report --html`, opened by a browser without network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from dativo_ingest import kept_reports
from dativo_ingest.places import JobFolder
from tests.reports import made
from tests.reports.browser import opened
from tests.reports.conftest import Dativo
from tests.reports.ran import RECORD, SECRET, Ran

pytestmark = pytest.mark.timeout(300)
BOTH = pytest.mark.parametrize("scheme", ["light", "dark"])


def cells(page: Page, table: str, row: str) -> list[str]:
    """Texts of a row's cells, by the names of the table's region and of the row's head."""
    found = page.get_by_role("region", name=table, exact=True).get_by_role("row").filter(
        has=page.get_by_role("rowheader", name=row)
    )  # fmt: skip
    return [text.strip() for text in found.get_by_role("cell").all_inner_texts()]


@BOTH
def test_the_page_of_a_real_call_with_quarantine_and_a_failure(
    ran: Ran, dativo: Dativo, browser: Browser, tmp_path: Path, scheme: Literal["light", "dark"]
) -> None:
    path = tmp_path / "page.html"
    assert dativo("report", ran.call["call_id"], "--html", path) == (2, "", "")
    text = path.read_text()
    assert "<script" not in text
    assert [word for word in (RECORD, SECRET, "ada") if word in text] == []
    with opened(browser, path, scheme) as found:
        page = found.page
        assert found.requests == [path.as_uri()]
        assert found.said == []
        assert found.violations() == []
        expect(page).to_have_title("2 jobs: 1 failed, 1 succeeded in part | dativo report")
        for name, job in (("acme / orders", ran.partial), ("globex / orders", ran.failed)):
            totals = job["target"].get("totals") or dict.fromkeys(("records", "good", "quarantined", "dropped"), 0)
            shown = cells(page, "All jobs", name)
            assert shown[1:5] == [str(totals[n]) for n in ("records", "good", "quarantined", "dropped")]
        (stream,) = ran.partial["target"]["streams"]
        shown = cells(page, "Streams of acme.orders", "orders")
        assert shown[:4] == [str(stream[n]) for n in ("records", "good", "quarantined", "dropped")]
        assert shown[:4] == ["4", "2", "2", "0"]
        assert shown[-1] == stream["snapshot_id"]
        for rule, count in stream["by_rule"].items():
            shown = cells(page, "Rules broken in acme.orders", rule)
            places = [f"line {e['line']}, {e['path']}" for e in stream["examples"] if e["rule"] == rule]
            assert shown == ["orders", str(count), "\n".join(places)]
        expect(page.get_by_role("img", name="orders: 50.00 % good, 50.00 % quarantined")).to_be_visible()
        expect(page.get_by_role("img", name="Time line of 1 epochs of acme.orders")).to_be_visible()
        failed = page.get_by_role("region", name="globex / orders", exact=True)
        expect(failed.get_by_text("the tap failed before it read anything")).to_be_visible()
        expect(failed.get_by_text("data/[REDACTED].csv")).to_be_visible()
        expect(failed.get_by_text(f"dativo run --config {ran.failed['path']}")).to_be_visible()
        expect(page.get_by_text(f"--table shop.orders --run {ran.partial['run_id']}")).to_be_visible()


def test_a_page_of_two_hundred_streams_with_hostile_names(dativo: Dativo, browser: Browser, tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "state" / "acme" / "orders")
    folder.path.mkdir(parents=True)
    before = [made.run(made.stream("a", n, n % 2), number=n) for n in range(49)]
    for one in (*before, made.crowd()):
        kept_reports.keep(folder, one, json.dumps(one).encode())
    assert dativo("report", tmp_path / "state", "--html", tmp_path / "page.html")[0] == 1
    with opened(browser, tmp_path / "page.html", width=390) as found:
        page = found.page
        assert found.violations() == []
        for summary in page.locator("summary").all():
            summary.click()
        assert (len(found.requests), found.said) == (1, [])
        assert found.width() <= 390
        assert page.locator("img").count() == 0
        expect(page.get_by_role("rowheader", name=made.HOSTILE).first).to_be_visible()
        expect(page.get_by_role("alert")).to_have_text("leaky does not add up: 1 record missing")
        expect(page.get_by_role("img", name="duration, last 50 runs: 10 s to 59 s, last 59 s")).to_be_visible()
        assert page.get_by_role("rowheader", name="contract orders 1.0").count() == 200


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        (0, "success", "There was nothing new to read. The tables are as they were."),
        (2, "failure", "Nothing of the open epoch is published."),
    ],
)
def test_a_page_of_a_run_without_records(
    dativo: Dativo, browser: Browser, tmp_path: Path, code: int, status: str, words: str
) -> None:
    report: dict[str, Any] = {"job": "orders", "tenant": None, "status": status, "exit_code": code, "target": {}}
    (tmp_path / "one.json").write_text(json.dumps(report))
    assert dativo("report", tmp_path / "one.json", "--html", tmp_path / "page.html")[0] == code
    with opened(browser, tmp_path / "page.html") as found:
        assert (len(found.requests), found.said, found.violations()) == (1, [], [])
        expect(found.page.get_by_text(words)).to_be_visible()
        expect(found.page.get_by_text("No stream was published.")).to_be_visible()
