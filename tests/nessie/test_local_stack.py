"""The local stack itself: what it serves, whom it lets in, and that it ends."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest
from pyarrow.fs import FileSelector, FileType, S3FileSystem

from dativo_ingest.stack import LocalStack, StackError, parts, servers
from dativo_ingest.stack.ports import free_ports
from dativo_ingest.stack.process import Process, is_running, listening_ports, spawn, stop, wait_gone
from dativo_ingest.stack.state import Folder, new_state, read_state, write_state
from target_dativo_iceberg.nessie import NessieClient, NessieUnavailable, Reference
from tests.nessie.lake import OpenCatalog, catalog_of, make_table, numbers, rows

pytestmark = pytest.mark.nessie


def files_of(stack: LocalStack, *, secret: str | None = None) -> S3FileSystem:
    return S3FileSystem(
        access_key=stack.s3_access_key_id,
        secret_key=secret or stack.s3_secret_access_key,
        endpoint_override=stack.s3_endpoint,
        region=stack.s3_region,
    )


def put(stack: LocalStack, name: str, content: bytes) -> None:
    with files_of(stack).open_output_stream(f"{stack.bucket}/{name}") as out:
        out.write(content)


def get(stack: LocalStack, name: str) -> bytes:
    with files_of(stack).open_input_stream(f"{stack.bucket}/{name}") as data:
        content: bytes = data.read()
        return content


def test_bucket_is_there_and_what_is_written_can_be_read(stack: LocalStack) -> None:
    put(stack, "test/a.bin", b"x" * 100_000)
    (found,) = files_of(stack).get_file_info(FileSelector(f"{stack.bucket}/test"))
    assert (found.path, found.size, found.type) == (f"{stack.bucket}/test/a.bin", 100_000, FileType.File)
    assert get(stack, "test/a.bin") == b"x" * 100_000


def test_s3_lets_nobody_in_with_another_secret(stack: LocalStack) -> None:
    with pytest.raises(OSError, match=r"ACCESS_DENIED|SIGNATURE"):
        files_of(stack, secret="wrong").get_file_info(FileSelector(stack.bucket))


def test_rows_written_on_a_branch_are_read_by_duckdb_on_that_branch_only(
    stack: LocalStack, branch: Reference, open_catalog: OpenCatalog, tmp_path: Path
) -> None:
    make_table(open_catalog(branch.name), 1, 2, 3, name="seen")
    extensions = find_spec("duckdb_ext")
    assert extensions
    assert extensions.submodule_search_locations
    folder = Path(extensions.submodule_search_locations[0]) / "extensions"
    with duckdb.connect(config={"extension_directory": str(folder)}) as db:
        db.execute("LOAD httpfs; LOAD avro; LOAD iceberg")
        db.execute(
            f"CREATE SECRET (TYPE s3, KEY_ID '{stack.s3_access_key_id}', SECRET '{stack.s3_secret_access_key}', "
            f"ENDPOINT '{stack.s3_endpoint.removeprefix('http://')}', URL_STYLE 'path', USE_SSL false, "
            f"REGION '{stack.s3_region}')"
        )
        endpoint = stack.iceberg_uri("").rstrip("/")
        db.execute(
            f"ATTACH '{stack.nessie_warehouse}' AS lake (TYPE iceberg, ENDPOINT '{endpoint}', "
            "AUTHORIZATION_TYPE 'none', ACCESS_DELEGATION_MODE 'none')"
        )
        assert db.sql(f'SELECT sum(number) FROM lake.ns."seen@{branch.name}"').fetchone() == (6,)
        with pytest.raises(duckdb.Error):
            db.sql("SELECT * FROM lake.ns.seen")


def test_settings_lead_to_the_stack(stack: LocalStack, branch: Reference) -> None:
    settings = stack.target_settings(branch.name)
    with NessieClient(settings["nessie_uri"]) as client:
        assert client.reference(settings["branch"]) == branch
    assert settings["warehouse"] == f"s3://{stack.bucket}/"
    assert settings["s3_endpoint"] == stack.s3_endpoint


def test_servers_listen_on_loopback_and_on_the_listed_ports_only(stack: LocalStack) -> None:
    for server in stack.processes.values():
        assert listening_ports(server.process) == set(server.ports.values())
    ours = {port for server in stack.processes.values() for port in server.ports.values()}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            address, port = line.split()[1].split(":")
            if int(port, 16) in ours and line.split()[3] == "0A":
                assert address in ("0100007F", "0000000000000000FFFF00000100007F")


def test_keys_are_for_the_owner_only(stack: LocalStack, tmp_path: Path) -> None:
    for server in stack.processes.values():
        seen = b"".join(Path(f"/proc/{server.process.pid}/{what}").read_bytes() for what in ("cmdline", "environ"))
        assert stack.s3_secret_access_key.encode() not in seen
    folder = Folder(tmp_path / "stack")
    folder.make()
    write_state(folder, new_state(durable=False))
    assert stat.S_IMODE(folder.state.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700
    assert new_state(durable=False).s3_secret_access_key != new_state(durable=False).s3_secret_access_key


def test_durable_stack_keeps_rows_keys_and_ports_over_a_kill_and_a_stop(tmp_path: Path) -> None:
    with LocalStack.start(tmp_path / "stack", durable=True) as stack:
        catalog_of(stack, "main").create_namespace("ns")
        make_table(catalog_of(stack, "main"), 1, 2)
        with NessieClient(stack.nessie_uri) as client:
            head = client.reference("main")
            stack.kill_nessie()
            assert stack.condition("nessie") == "down"
            with pytest.raises(NessieUnavailable):
                client.reference("main")
            stack.restart_nessie()
            assert client.reference("main") == head
        catalog_of(stack, "main").load_table("ns.t").append(numbers(3))
        os.kill(stack.s3_pid, signal.SIGKILL)
        assert wait_gone([stack.processes["s3"].process], 10)
    assert not Path(f"/tmp/seaweedfs-s3-grpc-{stack.processes['s3'].ports['s3_grpc']}.sock").exists()
    with LocalStack.start(tmp_path / "stack") as again:
        assert rows(catalog_of(again, "main")) == [1, 2, 3]
        assert again.target_settings() == stack.target_settings()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_master_that_does_not_know_its_volume_server_is_not_ready(tmp_path: Path) -> None:
    master, master_grpc, volume, volume_grpc = free_ports(4)
    weed = [parts.find_weed(), "-logdir=."]
    here = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    of_master = ["-mdir=.", f"-port={master}", f"-port.grpc={master_grpc}", "-telemetry=false"]
    of_volume = [f"-port={volume}", f"-port.grpc={volume_grpc}", f"-master=127.0.0.1:{master}.{master_grpc}"]
    with ExitStack() as running:

        def start(*options: str) -> Process:
            process = spawn([*weed, *options, *here], folder=tmp_path, log=tmp_path / "log", tied=True)
            running.callback(stop, {process: 5.0})
            return process

        process = start("master", *of_master)
        wait_until(lambda: master in listening_ports(process))
        assert not servers.knows_volumes(master)
        start("volume", "-dir=.", "-preStopSeconds=0", *of_volume)
        wait_until(lambda: servers.knows_volumes(master))


def test_durable_stack_moves_to_other_ports_when_one_is_taken(tmp_path: Path) -> None:
    with LocalStack.start(tmp_path / "stack", durable=True, with_nessie=False) as stack:
        put(stack, "a", b"kept")
    with (
        socket.create_server(("127.0.0.1", stack.processes["s3"].ports["filer"])),
        LocalStack.start(tmp_path / "stack", with_nessie=False) as again,
    ):
        assert again.s3_endpoint != stack.s3_endpoint
        assert get(again, "a") == b"kept"


def test_port_taken_between_choice_and_start_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choose = servers.choose_ports
    rivals: list[socket.socket] = []

    def choose_and_lose_one(name: str) -> dict[str, int]:
        ports = choose(name)
        if not rivals:
            rivals.append(socket.create_server(("127.0.0.1", ports["s3"])))
        return ports

    monkeypatch.setattr(servers, "choose_ports", choose_and_lose_one)
    with LocalStack.start(tmp_path / "stack", with_nessie=False) as stack, rivals[0] as rival:
        assert stack.processes["s3"].ports["s3"] != rival.getsockname()[1]
        put(stack, "a", b"x")
        assert get(stack, "a") == b"x"


def test_stack_that_is_not_durable_starts_empty_and_leaves_no_objects(tmp_path: Path) -> None:
    with LocalStack.start(tmp_path / "stack", with_nessie=False) as stack:
        put(stack, "a", b"x")
        assert "nessie_uri" not in stack.target_settings()
        with pytest.raises(StackError, match="no nessie"):
            _ = stack.nessie_uri
    assert not (tmp_path / "stack" / "s3").exists()
    with LocalStack.start(tmp_path / "stack", with_nessie=False) as again:
        with pytest.raises(FileNotFoundError):
            get(again, "a")
        assert again.s3_secret_access_key != stack.s3_secret_access_key


def test_stop_ends_a_frozen_server_too(tmp_path: Path) -> None:
    with LocalStack.start(tmp_path / "stack", with_nessie=False) as stack:
        s3 = stack.processes["s3"].process
        os.kill(stack.s3_pid, signal.SIGSTOP)
    assert not is_running(s3)


def test_servers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time\n"
        "from dativo_ingest.stack import LocalStack\n"
        "LocalStack.start(sys.argv[1])\n"
        "print('up', flush=True)\n"
        "time.sleep(100)\n"
    )
    words = [sys.executable, "-c", script, str(tmp_path / "stack")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "up\n"
        stack = LocalStack.open(tmp_path / "stack")
        assert stack
        processes = [server.process for server in stack.processes.values()]
        assert [is_running(process) for process in processes] == [True, True]
        parent.kill()
    assert wait_gone(processes, 10)
    stack.stop()
    assert not Path(f"/tmp/seaweedfs-s3-grpc-{stack.processes['s3'].ports['s3_grpc']}.sock").exists()


def test_second_start_in_the_same_folder_is_refused_and_hurts_nothing(tmp_path: Path) -> None:
    with LocalStack.start(tmp_path / "stack", with_nessie=False) as stack:
        with pytest.raises(StackError, match="runs already"):
            LocalStack.start(tmp_path / "stack", with_nessie=False)
        assert stack.condition("s3") == "up"


def test_server_that_cannot_start_leaves_nothing_running(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "stack")
    folder.make()
    write_state(folder, new_state(durable=True))
    folder.s3.mkdir()
    (folder.s3 / "data").write_text("not a folder")
    with pytest.raises(OSError, match="data"):
        LocalStack.start(tmp_path / "stack", with_nessie=False)
    (folder.s3 / "data").unlink()
    folder.nessie.mkdir()
    (folder.nessie / "rocksdb").write_text("not a folder")
    with pytest.raises(StackError, match=r"nessie server ended.*nessie\.log"):
        LocalStack.start(tmp_path / "stack")
    state = read_state(folder)
    assert state
    assert [is_running(server.process) for server in state.servers.values()] == [False, False]
