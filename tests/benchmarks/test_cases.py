"""A figure is kept only of a run that ended well and left behind what it was sent."""

import sys

import pytest

from benchmarks import cases, data, measure, readback
from benchmarks.cases import Entry
from benchmarks.readback import Mismatch
from benchmarks.runners import Runner

COPY = "import sys, pathlib; pathlib.Path(sys.argv[1], 'out.jsonl').write_bytes({kept})"
RECORDS_ONLY = "b''.join(line for line in sys.stdin.buffer if b'RECORD' in line)"


def copying(kept):
    def command(python, stream, work):
        return [str(python), "-c", COPY.format(kept=kept), str(work)]

    return Runner("copy", "", command, read=readback.lines)


@pytest.fixture
def stream(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return data.make("narrow", 50)


def test_runs_take_turns_and_are_read_back(stream):
    first, second = cases.alternate(
        "case", [Entry(copying(RECORDS_ONLY), stream, 2), Entry(copying(RECORDS_ONLY), stream)]
    )
    assert [len(result.runs) for result in (first, second)] == [2, 1]
    assert first.loaded.rows == 50
    assert not first.reason


def test_a_result_that_lacks_a_row_fails_the_bench(stream):
    with pytest.raises(Mismatch, match=r"rows 49, expected 50"):
        cases.alternate("case", [Entry(copying(f"{RECORDS_ONLY}.split(b'\\n', 1)[1]"), stream)])


def test_a_runner_that_ends_badly_keeps_its_reason_and_no_figure(stream):
    result = cases.alternate("case", [Entry(copying("no_such_name"), stream, 3)])[0]
    assert result.runs == []
    assert "NameError" in result.reason


def test_nothing_of_a_run_is_left(stream):
    cases.alternate("case", [Entry(copying(RECORDS_ONLY), stream)])
    assert list(cases.SCRATCH.iterdir()) == []


def test_the_command_gets_the_file_through_a_pipe_and_its_usage_is_told(stream, tmp_path):
    program = "import os, stat; assert stat.S_ISFIFO(os.fstat(0).st_mode); print(len(os.read(0, 10)))"
    used = measure.run([sys.executable, "-c", program], stream.path, tmp_path, tmp_path / "pycache")
    assert (tmp_path / "stdout").read_text() == "10\n"
    assert used.exit_code == 0
    assert used.cpu > 0
    assert 1 < used.peak_mib < 100


def test_memory_of_the_bench_itself_is_not_counted(stream, tmp_path):
    ballast = bytearray(200 * 2**20)
    used = measure.run(["wc", "-l"], stream.path, tmp_path, tmp_path / "pycache")
    assert used.peak_mib < len(ballast) / 2**20 / 2


def test_a_command_that_does_not_end_is_killed(tmp_path):
    used = measure.run(["sleep", "60"], None, tmp_path, tmp_path / "pycache", timeout=0.2)
    assert used.timed_out
    assert used.exit_code == 128 + 9


def test_reasons_hold_no_path_and_no_address():
    assert cases.clean("no /home/me/x.py at https://example.org/simple/ or file:///tmp/a") == "no … at … or …"
