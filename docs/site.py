"""Build the site: the pages of docs/ by Zensical, strictly, so that a missing page or anchor is an error.

Usage: python -m docs.site FOLDER, in the checkout (`make site`). The info string of a fence says to the tests what a
block is; the site's Markdown knows only its first word, so the pages are copied with that alone.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_INFO = re.compile(r"^(\s*`{3,}[\w-]+)[ \t]+\S.*$", re.MULTILINE)
_NAMED = re.compile(r": ([\w/.-]+\.md)$", re.MULTILINE)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def build(place: Path, docs: Path = ROOT / "docs") -> None:
    """Build the pages of a folder into another, which is made anew.

    Raises:
        SystemExit: the pages name what is not there; what was said about it.

    """
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for page in (p for p in docs.rglob("*") if p.suffix in {".md", ".svg", ".yaml", ".yml"}):
            target = copy / "docs" / page.relative_to(docs)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = page.read_text()
            target.write_text(_INFO.sub(r"\1", text) if page.suffix == ".md" else text)
        (copy / "mkdocs.yml").write_text(navigation((ROOT / "mkdocs.yml").read_text(), docs))
        command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict"]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)  # noqa: S603 - no input
        if done.returncode:
            raise SystemExit(_COLOURS.sub("", done.stdout + done.stderr))
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(copy / "site", place)


def navigation(config: str, docs: Path) -> str:
    """Return mkdocs.yml with the pages that it does not name, so that each can be reached."""
    named = set(_NAMED.findall(config))
    missing = sorted(str(p.relative_to(docs)) for p in docs.rglob("*.md") if str(p.relative_to(docs)) not in named)
    for title, pages in (
        ("Decisions", [page for page in missing if page.startswith("adr/")]),
        ("More", [page for page in missing if not page.startswith("adr/")]),
    ):
        lines = [f"      - {json.dumps(_title(docs / page), ensure_ascii=False)}: {page}\n" for page in pages]
        config += f"  - {title}:\n{''.join(lines)}" if lines else ""
    return config


def _title(page: Path) -> str:
    return next((line[2:] for line in page.read_text().splitlines() if line.startswith("# ")), page.stem).replace(
        "`", ""
    )


if __name__ == "__main__":
    build(Path(sys.argv[1]))
    print(f"the site is in {sys.argv[1]}")
