"""A cluster by the commands of docs/spread.md, and loads over it by the settings of the page.

    python -m tests.spread.page

It puts itself into a network of its own, in which it has the address that the page names, so the commands are run as
they stand there. It ends with 0 if the tables are as they must be.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from tests.dativo.project import TAP, Project
from tests.docs.test_snippets import blocks
from tests.readback import Tables
from tests.spread.cluster import until
from tests.spread.isolation import command, give_address
from tests.spread.orders import Orders

ADDRESS = "10.0.0.5"
_ROWS = 4
_BATCHES = {"encoding": {"format": "parquet"}, "batch_size": _ROWS}


def main() -> int:
    """Run what the page shows in namespaces of its own, or go there."""
    if sys.argv[1:] != ["isolated"]:
        return subprocess.run(command(sys.executable, "-m", "tests.spread.page", "isolated"), check=False).returncode
    give_address(ADDRESS)
    # Ray's sockets lie below the folder and have paths of 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="page-", dir="/tmp") as folder:
        _load(Path(folder))
    return 0


def _load(folder: Path) -> None:
    """Start both nodes, then load by the command of the page and by a job; the nodes end with the namespaces."""
    (script,) = blocks("spread.md", "sh")
    head, node, load = script.text.splitlines()
    environment = _environment(folder)
    for number, line in enumerate((head, node)):
        log = folder / f"node{number}.log"
        with log.open("wb") as out:
            started = subprocess.Popen(["bash", "-c", f"exec {line}"], env=environment, stdout=out, stderr=out)
        until(lambda log=log, one=started: _is_up(log, one), f"{line}: {log.read_text()}")  # type: ignore[misc]
    _by_hand(folder / "load", load, environment)
    _by_a_job(folder / "project", environment)
    assert _joined(folder) == {"01000000", "02000000"}, list(folder.glob("ray/session_*/logs/*"))


def _is_up(log: Path, node: subprocess.Popen[bytes]) -> bool:
    if node.poll() is not None:
        raise RuntimeError(f"a node of Ray ended: {log.read_text()}")
    return "Ray runtime started" in log.read_text()


def _environment(folder: Path) -> dict[str, str]:
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "RAY_TMPDIR": str(folder),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }


def _by_hand(folder: Path, line: str, environment: dict[str, str]) -> None:
    """The page's settings, but for the places of the tables and of the files."""
    orders = Orders(folder / "input", 4, 1000)
    orders.write()
    (shown,) = blocks("spread.md", "json")
    own = {"warehouse": str(folder / "warehouse"), "batch_roots": [str(orders.folder)]}
    own |= {"contract_path": str(orders.contract), "on_violation": "quarantine"}
    own |= {"catalog": {"type": "sql", "uri": f"sqlite:///{folder}/warehouse/catalog.db"}}
    (folder / "warehouse").mkdir()
    (folder / "config.json").write_text(json.dumps(json.loads(shown.text) | own))
    (folder / "messages.jsonl").write_bytes(orders.messages())
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "state.jsonl").read_text())
    tables = Tables(folder / "warehouse")
    assert tables.count("orders") == orders.records - orders.bad


def _by_a_job(folder: Path, environment: dict[str, str]) -> None:
    """The page's target, in a job whose tap-csv writes BATCH files into the folder that the target names."""
    folder.mkdir()
    project = Project(folder)
    project.environment = {name: text for name, text in environment.items() if name.startswith("RAY_")}
    project.asset()
    for number in range(2):
        project.csv(*range(number * _ROWS, (number + 1) * _ROWS), name=f"{number}.csv")
    (shown,) = blocks("spread.md", "yaml")
    target = yaml.safe_load(shown.text)["target"]
    assert target["settings"]["batch_roots"] == ["/data/batches"]
    target["settings"]["batch_roots"] = [str(folder / "batches")]
    batches = {"batch_config": _BATCHES | {"storage": {"root": (folder / "batches").as_uri()}}}
    project.write("batches.json", json.dumps(batches))
    tap = project.write("tap", f'#!/bin/sh\nexec {TAP} "$@" --config {folder}/batches.json\n')
    tap.chmod(0o755)
    source = {"files": [{"path": "data", "object": "orders", "keys": ["id"]}]}
    source |= {"engine": {"options": {"executable": str(tap)}}}  # type: ignore[dict-item]
    ended = project.run(project.job(target=target, source=source))
    assert ended.code == 0, ended.err
    assert project.ids() == list(range(2 * _ROWS))


def _joined(folder: Path) -> set[str]:
    """Numbers of the jobs of Ray, one for each process that joined the cluster to give it tasks."""
    return {path.name.split("-")[3][:8] for path in folder.glob("ray/session_*/logs/python-core-driver-*")}


if __name__ == "__main__":
    sys.exit(main())
