"""SECURITY.md has a row for every threat, with the tests of it; that these exist is checked in tests/docs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
THREATS = (
    "secrets in logs",
    "record values in logs and errors",
    "secret in a process list or a job file",
    "expansion of variables",
    "ambient credential sent to another host",
    "path traversal by names",
    "tenant isolation",
    "YAML",
    "remote references",
    "SQL in quality rules",
    "regular expressions in contracts",
    "size bombs",
    "injection by names of columns",
    "plugins and custom readers",
    "temporary and state files",
    "supply chain",
    "robustness of parsers",
)


def test_every_threat_has_its_row_a_rule_and_a_test() -> None:
    rows = re.findall(r"^\| \d+ \| (.+?) \| (.+?) \| (.+?) \|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    assert tuple(name for name, _rule, _tests in rows) == THREATS
    assert [name for name, rule, tests in rows if len(rule) < 40 or "tests/" not in tests] == []


def test_everything_that_is_installed_is_pinned_by_hash_and_names_no_host() -> None:
    files = [p for p in (ROOT / "requirements").rglob("*.txt") if p.name != "demo-data.txt"]
    assert len(files) > 4
    for file in files:
        text = file.read_text()
        assert re.search(r"https?://|--index|--extra|--find-links|--trusted", text) is None, file
        for entry in re.sub(r"\\\n", " ", text).splitlines():
            if entry.strip() and not entry.startswith("#"):
                assert re.match(r"[\w.-]+(\[[\w,.-]+\])?==\S+ ", entry), (file, entry)
                assert "--hash=sha256:" in entry, (file, entry)


def test_the_installer_asks_for_hashes_and_the_linter_of_risks_is_part_of_lint_and_test() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "--require-hashes" in makefile
    recipes = {name: makefile.partition(f"\n{name}:")[2].partition("\n\n")[0] for name in ("test", "lint")}
    assert "$(BIN)/bandit" in recipes["lint"]
    assert "$(MAKE) --no-print-directory lint; clean=$$?; wait $$recorded; exit $$clean" in recipes["test"]
    skipped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["bandit"]["skips"]
    lines = (ROOT / "pyproject.toml").read_text().partition("[tool.bandit]")[2].partition("\n[")[0].splitlines()
    assert len(skipped) == len([line for line in lines if re.match(r'\s+"B\d+",\s+# \w.{10,}', line)])
