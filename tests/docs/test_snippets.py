"""Blocks of pages are what they say they are.

YAML, JSON and Python are read by their own parsers, shell scripts by bash; options of our commands are looked for in
the source. Pages of taps that need neither servers nor accounts are run here.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import Load
from tests.docs.pages import DOCS, Block, sections
from tests.docs.test_examples import PAGES
from tests.readback import Tables
from tests.target.running import Target, record, schema

ROOT = DOCS.parent
OTHERS = sorted(str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md") if not str(p.relative_to(DOCS)).startswith("adr/"))
_OURS = re.compile(
    r"(?:^|\| *|\$ )(?:dativo|target-dativo-iceberg|tap-[a-z-]+|mapper-markdown-kv) [^|>#\n]*", re.MULTILINE
)
_OPTION = re.compile(r"(?<=\s)--[a-z][a-z-]+")
# Options of the SDK's commands, and of what our commands are put before.
_SDK = {"--config", "--discover", "--catalog", "--state", "--about", "--format", "--version", "--help"}


def blocks(page: str, *languages: str) -> list[Block]:
    """The blocks of a page in a language, whose name may be the role's first word."""
    found = [block for section in sections(page) for block in section.blocks]
    return [b for b in found if (b.role or " ".join(b.words) or "-").split()[0] in languages]


@pytest.mark.parametrize("page", [page for page in OTHERS if page not in PAGES])
def test_snippets_can_be_read_by_what_they_are_for(page: str) -> None:
    for block in blocks(page, "yaml"):
        assert list(yaml.safe_load_all(block.text)), f"{page}:{block.line}"
    for block in blocks(page, "json"):
        assert json.loads(block.text) is not None, f"{page}:{block.line}"
    for block in blocks(page, "python"):
        compile(block.text, f"{page}:{block.line}", "exec")
    for block in blocks(page, "sh", "bash", "shell"):
        done = subprocess.run(["bash", "-n"], input=block.text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"{page}:{block.line}: {done.stderr}"


def test_the_commands_of_maintenance(load: Load, target: Target, tables: Tables, tmp_path: Path) -> None:
    """Each as `python -m target_dativo_iceberg.maintain`, which the page says is the same."""
    load([schema("orders"), record(1, "orders")])
    (tmp_path / "target.json").write_text(json.dumps({"warehouse": str(tmp_path / "warehouse")}))
    (script,) = blocks("maintenance.md", "shell")
    for line in script.text.splitlines():
        program, name, *words = shlex.split(line, comments=True)
        assert (program, name) == ("dativo", "maintain")
        ended = target.start(argv=words, program="target_dativo_iceberg.maintain").wait()
        assert ended.code == 0, ended.log
    assert [row["id"] for row in tables.rows("orders")] == [1]


def test_every_option_that_a_page_shows_is_one_of_a_command() -> None:
    folders = ("dativo_ingest", "target_dativo_iceberg", "tap_adapters")
    source = "\n".join(p.read_text() for name in folders for p in (ROOT / name).rglob("*.py"))
    known = _SDK | set(re.findall(r"[\"'](--[a-z][a-z-]+)[\"']", source))
    shown = {
        (page, option)
        for page in OTHERS
        for block in blocks(page, "sh", "bash", "shell", "console")
        for command in _OURS.findall(block.text)
        for option in _OPTION.findall(command)
    }
    assert len(shown) > 20
    assert sorted((page, option) for page, option in shown if option not in known) == []


def test_a_wrong_option_would_be_seen() -> None:
    assert _OPTION.findall(_OURS.findall("$ dativo run --config a.yaml --jobdir x | tee\n")[0]) == [
        "--config",
        "--jobdir",
    ]


CSV_TAP = {"files": [{"entity": "flights", "path": "data/flights/a.csv", "keys": ["flight_id"]}]}


@pytest.mark.parametrize(
    ("page", "rows"),
    [
        ("sources/csv.md", {"default.flights": 2}),
        ("sources/markdown_kv.md", {"default.products": 1}),
        ("sources/mapper_markdown_kv.md", {"default.flights": 2}),
    ],
)
def test_the_commands_of_a_tap_load_what_they_say(page: str, rows: dict[str, int], tmp_path: Path) -> None:
    for name, text in (
        ("data/flights/a.csv", "flight_id,seats\n1,10\n2,20\n"),
        ("docs/products/k.md", blocks("sources/markdown_kv.md", "markdown")[0].text),
        ("tap.json", json.dumps(CSV_TAP)),
        ("target.json", "{}"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (script, *_) = blocks(page, "sh")
    run(script, tmp_path)
    tables = Tables(tmp_path / "warehouse")
    assert {name: len(tables.rows(name)) for name in rows} == rows
    if page == "sources/markdown_kv.md":
        assert "never with soap." in str(tables.rows("products"))


def test_the_bookmark_that_the_page_of_csv_shows(tmp_path: Path) -> None:
    """The page cuts the digest short."""
    (shown,) = blocks("sources/csv.md", "json")
    ((name, bookmark),) = json.loads(shown.text)["bookmarks"]["flights"]["files"].items()
    file = tmp_path / name
    file.parent.mkdir(parents=True)
    file.write_text("flight_id,day\n1,2\n2,31\n")
    os.utime(file, ns=(bookmark["mtime_ns"], bookmark["mtime_ns"]))
    (tmp_path / "tap.json").write_text(json.dumps(CSV_TAP))
    said = run(Block("sh", (), "tap-csv --config tap.json", 0), tmp_path).splitlines()
    state = json.loads([line for line in said if '"STATE"' in line][-1])["value"]
    real = state["bookmarks"]["flights"]["files"][name]
    assert real.pop("sha256").startswith(bookmark.pop("sha256").removesuffix("…"))
    assert real == bookmark


def run(script: Block, folder: Path, first: Path | None = None) -> str:
    """Run a script with our commands on the path, behind those of a folder if there is one; what it prints."""
    folders = [*([first] if first else []), Path(sys.executable).parent, os.environ["PATH"]]
    path = os.pathsep.join(map(str, folders))
    command = ["bash", "-eu", "-o", "pipefail", "-c", script.text]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
