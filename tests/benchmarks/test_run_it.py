"""The commands of docs/benchmarks.md: the snippet's are run as they stand but for their size, the table's are known."""

import re
import shlex
from pathlib import Path

import pytest

from benchmarks import commits, slow_store, through_meltano
from tests.dativo.project import ROOT
from tests.docs.pages import Block
from tests.docs.test_snippets import blocks, run

pytestmark = pytest.mark.timeout(300)
# The size of each here, and what is printed of it.
SMALL = {
    "data": ("ten 1000", r"\.cache/bench/data/ten-1000-\S+\.singer"),
    "commits": ("13", r"commits: 13; CPU of one \d+ ms at first, .*"),
    "slow": ("2000", r"\s+as it is: 2,000 records in .* MiB\n\s+2 MiB/s: 2,000 records in .* MiB"),
    "meltano": ("1000", r"\s+RECORD +200 rows: .*\n\s+BATCH +1,000 rows: .*"),
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout's top folder, with a cache of its own."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("benchmarks", ".venv-meltano"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def commands():
    """The lines of the snippet by the benchmark that they run."""
    (script,) = blocks("benchmarks.md", "sh")
    return {shlex.split(line, comments=True)[3]: line for line in script.text.splitlines()}


@pytest.mark.parametrize("name", [pytest.param("slow", marks=pytest.mark.nessie), "data", "commits", "meltano"])
def test_a_command_of_the_page(name, checkout):
    size, said = SMALL[name]
    command = [*shlex.split(commands()[name], comments=True)[:4], *size.split()]
    printed = run(Block("sh", (), shlex.join(command), 0), checkout)
    assert re.fullmatch(said, printed.strip("\n")), printed
    if name == "data":
        assert Path(checkout, printed.strip()).read_text().count('"RECORD"') == 1000


def test_the_page_names_every_benchmark_once_and_their_usual_sizes(checkout):
    text = (ROOT / "docs/benchmarks.md").read_text().partition("## Run it")[2].partition("\n## ")[0]
    named = re.findall(r"^(?:\| `)?python -m benchmarks (\w+)", text, re.MULTILINE)
    said = run(Block("sh", (), "python -m benchmarks --help\n", 0), checkout)
    (known,) = set(re.findall(r"\{([\w,]+)\}", said))
    assert sorted(named) == sorted(known.split(","))
    assert commands().keys() == SMALL.keys()
    usual = {"commits": commits.COMMITS, "slow": slow_store.RECORDS, "meltano": through_meltano.ROWS}
    told = {400: "last of 400 commits", 3_000_000: "three million rows", 5_000_000: "five million rows"}
    for name, size in usual.items():
        assert told[size] in commands()[name]
