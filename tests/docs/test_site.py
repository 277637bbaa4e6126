"""The site builds strictly, holds every page, and asks nobody for anything."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from docs.site import ROOT, build


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site") / "site"
    build(place)
    return place


def test_every_page_is_in_the_site_and_can_be_reached(site: Path) -> None:
    home = (site / "index.html").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        name = str(page.relative_to(ROOT / "docs")).replace("README.md", "index.md").removesuffix(".md") + ".html"
        assert (site / name).is_file(), name
        assert re.search(rf'href="?(\./)?{re.escape(name)}', home), f"no way leads from the first page to {name}"


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r"<(?:script|link|img|iframe|object)\b[^>]*?(?:src|href)=[\"']?([^\"' >]+)", page.read_text()
        )
        assert [what for what in loaded if re.match(r"(https?:)?//", what)] == [], page


def test_blocks_are_shown_as_code_whatever_the_tests_call_them(site: Path) -> None:
    page = (site / "contracts.html").read_text()
    assert "```" not in page
    assert page.count("<pre") > 20


def test_the_picture_has_words(site: Path) -> None:
    picture = (site / "path-of-a-record.svg").read_text()
    assert re.search(r'<svg[^>]*role="img"[^>]*aria-labelledby="t d"', picture)
    assert len(re.findall(r'<(?:title id="t"|desc id="d")>[^<]{10,}<', picture)) == 2


@pytest.mark.parametrize("link", ["none.md", "loading.md#no-such-anchor"])
def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path, link: str) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    page = tmp_path / "docs/index.md"
    page.write_text(page.read_text() + f"\n[x]({link})\n")
    with pytest.raises(SystemExit, match=r"does not exist|not found"):
        build(tmp_path / "site", tmp_path / "docs")
