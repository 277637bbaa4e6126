"""Loads over a Ray cluster that loses a worker, a node and its head, and what is said when there is no cluster."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.spread import isolation
from tests.spread.loads import Load
from tests.spread.orders import Orders

ROOT = Path(__file__).resolve().parents[2]


# Where nobody may have a network of his own there is no place for a cluster that listens on all interfaces.
@pytest.mark.skipif(not isolation.is_allowed(), reason="the kernel gives this user no network namespace")
@pytest.mark.timeout(500)
def test_a_worker_and_a_node_are_lost_and_no_row_is_then_the_head_and_it_is_said() -> None:
    scene = [sys.executable, "-m", "tests.spread.scene", "--files", "16", "--rows", "20000"]
    done = subprocess.run(scene, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "320,000 rows" in done.stdout
    assert "the head is killed: exit code 1" in done.stdout


@pytest.mark.skipif(not isolation.is_allowed(), reason="the kernel gives this user no network namespace")
@pytest.mark.timeout(300)
def test_the_commands_and_the_settings_of_the_page() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.spread.page"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_cluster_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"127.0.0.1:{kept.getsockname()[1]}"
        orders = Orders(tmp_path / "input", 2, 100)
        orders.write()
        settings = {"spread_batches": "ray", "ray_address": address, "on_violation": "quarantine"}
        with Load(tmp_path / "load", orders, os.environ, **settings) as load:
            ended = load.wait()
    assert ended.code == 1, ended.log
    assert ended.out == b""
    assert "no Ray cluster is to be reached" in ended.log, ended.log
    assert "Traceback" not in ended.log
    assert ended.tables.pointers() == {}
    assert not ended.data_files()
