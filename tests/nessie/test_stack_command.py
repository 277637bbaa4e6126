"""The commands up, down and status, run as a person runs them."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dativo_ingest.stack import LocalStack, parts
from dativo_ingest.stack.process import Process, is_running, spawn, wait_gone
from dativo_ingest.stack.state import Folder, Server, new_state, write_state
from target_dativo_iceberg.nessie import NessieClient

pytestmark = pytest.mark.nessie


def command(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dativo_ingest.stack", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=os.environ | environment,
    )


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    process = spawn(["/bin/sleep", "60"], folder=tmp_path, log=tmp_path / "log", tied=True)
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    assert wait_gone([process], 10)


def test_process_that_got_the_id_of_a_dead_server_is_left_alone(tmp_path: Path, sleeper: Process) -> None:
    folder = Folder(tmp_path / "stack")
    folder.make()
    former = Server(replace(sleeper, started="another boot:1"), {"s3": 1, "filer": 2})
    write_state(folder, replace(new_state(durable=False), servers={"s3": former}))
    assert command("status", "--dir", folder.root).stdout == "s3      down\n"
    assert command("down", "--dir", folder.root).returncode == 0
    assert is_running(sleeper)


def test_up_status_and_down_as_a_person_would(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    assert command("status", "--dir", folder).returncode == 2
    try:
        first = command("up", "--dir", folder, "--json")
        assert (first.returncode, first.stderr) == (0, "")
        settings = json.loads(first.stdout)["settings"]
        with NessieClient(settings["nessie_uri"]) as client:
            assert client.reference("main").type == "BRANCH"
        assert json.loads(command("up", "--dir", folder, "--json").stdout)["settings"] == settings
        shown = command("up", "--dir", folder)
        assert all(f"{name} " in shown.stdout and value in shown.stdout for name, value in settings.items())
        refused = command("up", "--dir", folder, "--durable")
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
        status = command("status", "--dir", folder, "--json")
        servers = json.loads(status.stdout)["servers"]
        assert (status.returncode, {name: s["condition"] for name, s in servers.items()}) == (
            0,
            {"s3": "up", "nessie": "up"},
        )
        os.kill(servers["nessie"]["pid"], signal.SIGKILL)
        stack = LocalStack.open(folder)
        assert stack
        assert wait_gone([stack.processes["nessie"].process], 10)
        half = command("status", "--dir", folder)
        assert (half.returncode, half.stdout.splitlines()[1].split()) == (1, ["nessie", "down"])
        assert settings["s3_secret_access_key"] not in half.stdout
        assert command("up", "--dir", folder).returncode == 0
        assert command("status", "--dir", folder).returncode == 0
    finally:
        down = command("down", "--dir", folder)
    assert (down.returncode, down.stdout) == (0, "The local stack is stopped.\n")
    ended = LocalStack.open(folder)
    assert ended
    assert [ended.condition(name) for name in ("s3", "nessie")] == ["down", "down"]
    assert command("status", "--dir", folder).returncode == 2
    assert command("down", "--dir", folder).stdout == f"No stack ran in {folder}.\n"


def test_two_commands_at_once_agree(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "dativo_ingest.stack", "up", "--json", "--dir", str(tmp_path / "stack")]
    ups = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    shown = [process.communicate(timeout=100)[0] for process in ups]
    try:
        assert shown[0] == shown[1]
        assert command("status", "--dir", tmp_path / "stack").returncode == 0
    finally:
        assert command("down", "--dir", tmp_path / "stack").returncode == 0


def test_folder_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nessie").mkdir()
    refused = command("up", "--dir", tmp_path)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "empty" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["nessie"]


def test_damaged_state_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    refused = command("down", "--dir", tmp_path)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "stack.json is damaged" in refused.stderr


@pytest.mark.parametrize("missing", ["jgo", "jgo.maven"])
def test_missing_extra_is_one_line_with_the_install_command(tmp_path: Path, missing: str) -> None:
    script = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from dativo_ingest.stack.cli import main\n"
        f"sys.exit(main(['up', '--dir', {str(tmp_path / 'stack')!r}]))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (said.returncode, said.stdout, said.stderr.count("\n")) == (2, "", 1)
    assert "pip install 'target-dativo-iceberg[stack]'" in said.stderr


class Repository:
    """Stands in for the artifact of jgo: out at first, then wrong, then there."""

    def __init__(self, folder: Path) -> None:
        self.jar, self.tries = folder / "nessie.jar", 0

    def resolve(self) -> Path:
        self.tries += 1
        if self.tries == 1:
            raise ConnectionError
        self.jar.write_bytes(b"cut" if self.tries == 2 else b"whole")
        return self.jar


def test_jar_that_comes_at_another_try_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    repository, jar = Repository(tmp_path), tmp_path / "kept.jar"
    monkeypatch.setattr(parts, "_artifact", lambda _folder: repository)
    monkeypatch.setattr(parts, "_JAR_SHA256", hashlib.sha256(b"whole").hexdigest())
    monkeypatch.setattr(parts, "_WAITS", (0.0, 0.0))
    parts._fetch_nessie_jar(jar)
    assert jar.read_bytes() == b"whole"
    assert [text.partition("Trying")[1] for text in caplog.messages[-2:]] == ["Trying", "Trying"]


def test_jar_that_cannot_be_fetched_is_one_line_and_leaves_nothing_half(tmp_path: Path) -> None:
    said = command(
        "up", "--dir", tmp_path / "stack", M2_REPO=str(tmp_path / "m2"), https_proxy="http://127.0.0.1:1", NO_PROXY=""
    )
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.splitlines()[-1].startswith("error: Could not fetch org.projectnessie.nessie:nessie-quarkus:")
    assert said.stderr.count("Trying again in ") == 2
    assert list((tmp_path / "m2").rglob("*.jar")) == []
    stack = LocalStack.open(tmp_path / "stack")
    assert stack is None or set(map(stack.condition, stack.processes)) <= {"down"}
