"""SIGKILL of a process of a run at some moment, then a run that is let be: rows exact, state right, nothing left over.

`python -m tests.dativo.kills 50 [SEED]` strikes until fifty blows have hit a living process (part of `make faults`); a
few strikes are tests.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.dativo.project import Project

FILES, ROWS = 6, 14_000
# All of the input would fit between tap and target, and the tap would be gone before the first publish: after each file
# it waits for the publish of that file to begin.
PACED = f"""#!{sys.executable}
import sys, time
from pathlib import Path
from tap_adapters.common.stream import ItemStream
from tap_adapters.csv.__main__ import main

journal = Path(__file__).with_name("state") / "acme" / "orders" / "journal.jsonl"
progress = ItemStream._write_progress

def published():
    return journal.read_bytes().count(b"\\n") if journal.exists() else 0

def paced(stream, count):
    limit, before = time.monotonic() + 20, published()
    progress(stream, count)
    sys.stdout.flush()
    while published() == before and time.monotonic() < limit:
        time.sleep(0.02)

ItemStream._write_progress = paced
raise SystemExit(main())
"""
SECRET = hashlib.sha256(b"canary").hexdigest()
VICTIMS = ("dativo", "meltano", "tap", "tap wrapper", "target", "target wrapper")
_DEADLINE = 240.0
_WRAPPERS = {"tap wrapper": "wrappers/tap.py", "target wrapper": "wrappers/loader.py"}


@dataclass(frozen=True)
class Strike:
    """Kill `victim` once `epochs` publishes have begun (0: as soon as it lives), `delay` seconds later."""

    victim: str
    epochs: int
    delay: float


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    words: str


def processes() -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (OSError, ValueError):
            continue
        if words:
            yield Process(int(entry.name), parent, words)


def of_project(project: Project) -> list[Process]:
    """The processes of a project's runs: those that name its folder, or work in it."""
    found = []
    for process in processes():
        try:
            there = Path(f"/proc/{process.pid}/cwd").readlink()
        except OSError:
            continue
        if str(project.folder) in process.words or there.is_relative_to(project.folder):
            found.append(process)
    return found


def find(victim: str, dativo: int, project: Project) -> int | None:
    """The process id of a victim, None while it does not live."""
    if victim == "dativo":
        return dativo
    known = of_project(project)
    if victim == "meltano":
        return next((p.pid for p in known if p.parent == dativo and "meltano" in p.words), None)
    wrapper = _WRAPPERS[victim if victim in _WRAPPERS else f"{victim} wrapper"]
    # discovery becomes the tap itself; a run keeps its wrapper
    pid = next((p.pid for p in known if wrapper in p.words and "--discover" not in p.words), None)
    if victim in _WRAPPERS or pid is None:
        return pid
    return next((p.pid for p in processes() if p.parent == pid), None)


def published(project: Project) -> int:
    """How many publishes of the job have begun."""
    try:
        return (project.of_job() / "journal.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def prepare(project: Project, **changes: Any) -> Path:
    for number in range(FILES):
        project.csv(*range(number * ROWS, (number + 1) * ROWS), name=f"{number}.csv")
    # Epochs of a mebibyte, which is a file. The secret is one that the target gets.
    settings = {"epoch_max_mb": 1, "privacy_key": "${KEY}"}
    project.environment["KEY"] = SECRET
    tap = project.write("paced-tap", PACED)
    tap.chmod(0o755)
    return project.job(source=reading(tap), target={"settings": settings}, **changes)


def reading(tap: Path) -> dict[str, Any]:
    """The source of a job that reads the folder `data` by that tap."""
    files = [{"path": "data", "object": "orders", "keys": ["id"]}]
    incremental = {"strategy": "file_modified_time"}
    return {"files": files, "incremental": incremental, "engine": {"options": {"executable": str(tap)}}}


def strike(project: Project, job: Path, blow: Strike) -> tuple[bool, int]:
    """Start a run and kill one of its processes; return whether it was still alive, and how `dativo` ended."""
    hit, process = False, project.start("run", "--config", job)
    deadline = time.monotonic() + _DEADLINE
    while process.poll() is None:
        pid = find(blow.victim, process.pid, project) if published(project) >= blow.epochs else None
        if pid is not None:
            time.sleep(blow.delay)
            hit = any(one.pid == pid for one in processes())  # one that has ended and waits for its parent is not there
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            break
        assert time.monotonic() < deadline, f"the moment never came: {blow}"
        time.sleep(0.005)
    _, said = process.communicate(timeout=_DEADLINE)
    assert "Traceback" not in said, said
    return hit, process.returncode


def check(project: Project, job: Path) -> None:
    """Nothing is left of the run that was struck, and the next one makes everything right."""
    deadline = time.monotonic() + _DEADLINE
    while left := of_project(project):
        assert time.monotonic() < deadline, f"orphans: {left}"
        time.sleep(0.05)
    _check_modes(project)
    ended = project.run(job)
    assert ended.code == 0, ended.err[-4000:]
    assert SECRET not in ended.err + ended.out
    check_rows(project)
    _check_modes(project)
    assert not of_project(project)


def check_rows(project: Project) -> None:
    """Every row is in the table once, and the state is that of all files."""
    ids = project.ids()
    assert len(ids) == FILES * ROWS, f"{len(ids)} rows in the table, {FILES * ROWS} in the files"
    assert ids == list(range(FILES * ROWS))
    state = project.state_of()
    assert sorted(key for key in state if key != "singer") == [f"file_data/{n}.csv" for n in range(FILES)]
    assert len(state["singer"]["state"]["bookmarks"]["orders"]["files"]) == FILES
    assert not (project.of_job() / "journal.jsonl").exists()


def _check_modes(project: Project) -> None:
    """What lies on the disk is the owner's alone."""
    for path in [project.state, *project.state.rglob("*")] if project.state.exists() else []:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert path.is_symlink() or mode & 0o077 == 0, f"{path} has mode {mode:o}"


def main(times: int, seed: int) -> None:
    """Strike until that many blows have hit, each on a project of its own; a blow that came too late is not counted."""
    chance, hits = random.Random(seed), dict.fromkeys(VICTIMS, 0)
    while sum(hits.values()) < times:
        blow = Strike(chance.choice(VICTIMS), chance.choice((0, 0, 1, 2, 3, 4, 5)), chance.uniform(0, 0.5))
        with tempfile.TemporaryDirectory(prefix="dativo-kill-") as folder:
            project = Project(Path(folder))
            project.asset()
            job = prepare(project)
            began = time.monotonic()
            hit, code = strike(project, job, blow)
            journal = published(project)
            check(project, job)
        hits[blow.victim] += hit
        seconds = round(time.monotonic() - began)
        found = {**blow.__dict__, "hit": hit, "dativo": code, "journal": journal, "seconds": seconds}
        print(json.dumps({"hits": sum(hits.values())} | found), flush=True)
    print(json.dumps({"kills": hits, "seed": seed, "all": "rows exact, state right, nothing left over"}), flush=True)


__all__ = ["Strike", "check", "prepare", "strike", "subprocess"]

if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
