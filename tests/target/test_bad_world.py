"""A world that does not let the target work: full disks, closed streams, too few files, and its own faults."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys

import pytest

from tests.readback import Tables
from tests.target.broken import BEFORE, CANARY, SECRETS, refused
from tests.target.running import Target, record, schema, state


def test_a_full_disk_fails_the_run_and_the_next_one_loads_all(target: Target) -> None:
    noise = random.Random(1)
    rows = [record(n, s=noise.randbytes(64).hex()) for n in range(5000)]
    lines = [schema(), *rows, state({"bookmark": 5000})]
    for limit in (4096, 60_000):
        ended = target.run(lines, limits={"FSIZE": limit})
        refused(target, ended, "store: .* failed")
    assert target.run(lines).code == 0
    assert Tables(target.warehouse).count("a") == 5000


def test_too_few_open_files_allowed_fail_the_run_in_one_line(target: Target) -> None:
    ended = target.run(BEFORE, limits={"NOFILE": 4})
    # Which of two threads meets the limit first is not fixed.
    first = "settings: the warehouse" in ended.errors[0]
    refused(target, ended, "Too many open files" if first else "store: opening the catalog failed")


def test_no_folder_for_temporary_files_is_needed(target: Target) -> None:
    assert target.run(BEFORE, env={"TMPDIR": "/nowhere"}).code == 0


def command(target: Target, shell: str) -> subprocess.CompletedProcess[bytes]:
    """Run the real command in a shell, as `$TARGET`, with `$INPUT` a file of two records."""
    source = target.folder / "input.singer"
    source.write_text("".join(json.dumps(m) + "\n" for m in [schema(), record(1), record(2), state({"b": 1})]))
    config = target.folder / "config.json"
    config.write_text(json.dumps({"warehouse": str(target.warehouse)} | SECRETS))
    names = {"TARGET": f"{sys.executable} -m target_dativo_iceberg --config {config}", "INPUT": str(source)}
    script = ["sh", "-c", shell.replace("$TARGET", names["TARGET"]).replace("$INPUT", names["INPUT"])]
    return subprocess.run(script, capture_output=True, check=False, timeout=100)


@pytest.mark.parametrize("shell", ["$TARGET < $INPUT | true", "$TARGET < $INPUT > /dev/full"])
def test_rows_stay_readable_when_nobody_takes_the_state(target: Target, shell: str) -> None:
    log = command(target, shell).stderr.decode()
    assert re.search("ERROR .* store: STATE cannot be written to standard output", log)
    assert log.count("ERROR") == 1
    assert "Traceback" not in log
    assert Tables(target.warehouse).count("a") == 2


@pytest.mark.parametrize("shell", ["$TARGET < $INPUT >&-", "$TARGET <&-"])
def test_a_closed_stream_is_refused_before_any_row(target: Target, shell: str) -> None:
    done = command(target, shell)
    assert done.returncode == 1
    assert re.search("ERROR .* standard (in|out)put is closed", done.stderr.decode())
    assert done.stderr.decode().count("\n") == done.stderr.decode().count(" | ") // 3
    assert target.published() == {}


def test_a_fault_of_the_target_is_told_by_its_place_never_by_its_text() -> None:
    from target_dativo_iceberg.__main__ import unforeseen
    from target_dativo_iceberg.names import Names

    with pytest.raises(AttributeError) as caught:
        Names.claim(CANARY, ("default", CANARY), CANARY)  # type: ignore[arg-type]
    assert re.search(r"unforeseen AttributeError at names.py:\d+; .*LOGLEVEL=DEBUG", str(unforeseen(caught.value)))
    assert CANARY not in str(unforeseen(caught.value))
