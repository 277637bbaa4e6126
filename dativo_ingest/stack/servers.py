"""How each of the two servers is started, and when it is ready."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from dativo_ingest.stack import archive, parts
from dativo_ingest.stack.errors import StackError
from dativo_ingest.stack.ports import PAIR_GAP, free_ports, is_free
from dativo_ingest.stack.process import listening_ports, spawn
from dativo_ingest.stack.state import Folder, Server, StackState, write_private

BUCKET = "warehouse"
REGION = "us-east-1"
_S3_READY_SECONDS = 30.0
_NESSIE_READY_SECONDS = 90.0
_WEED_PORTS = ("s3", "s3_grpc", "master", "master_grpc", "volume", "volume_grpc", "filer", "filer_grpc")
_NESSIE_PORTS = ("http", "management")
_JVM_OPTIONS = ["-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData"]


def _s3_ports() -> dict[str, int]:
    """Choose free ports for everything that weed listens on."""
    ports = dict(zip(_WEED_PORTS, free_ports(len(_WEED_PORTS)), strict=True))
    taken = {*ports.values()}
    admin = next(port for port in free_ports(len(taken) + 1, gap=PAIR_GAP) if port not in taken)
    # weed's maintenance worker looks for the admin server 10,000 above its port, whatever is configured
    return ports | {"admin": admin, "admin_grpc": admin + PAIR_GAP}


def _nessie_ports() -> dict[str, int]:
    """Choose free ports for Nessie's API and for its management interface."""
    return dict(zip(_NESSIE_PORTS, free_ports(len(_NESSIE_PORTS)), strict=True))


def _prepare_s3(folder: Folder, state: StackState, ports: dict[str, int]) -> list[str | Path]:
    """Write weed's keys and return its command."""
    (folder.s3 / "data").mkdir(exist_ok=True)
    # weed mini takes options of its last run from here
    (folder.s3 / "data" / "mini.options").unlink(missing_ok=True)
    write_private(folder.s3 / "keys.json", _weed_identities(state))
    return [parts.find_weed(), "-logdir=.", "mini", *_weed_options(ports)]


def _weed_options(ports: dict[str, int]) -> list[str]:
    """Return loopback only, no telemetry, no web pages, and no port left to weed's choice."""
    return [
        "-dir=data",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-s3.config=keys.json",
        f"-bucket={BUCKET}",
        "-webdav=false",
        "-admin.ui=false",
        "-master.telemetry=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-volume.preStopSeconds=0",
        "-filer.localSocket=filer.sock",
        "-s3.localSocket=s3.sock",
        *(f"{_port_option(name)}={port}" for name, port in ports.items()),
    ]


def _port_option(name: str) -> str:
    component, _, protocol = name.partition("_")
    return f"-{component}.port.{protocol}" if protocol else f"-{component}.port"


def remove_s3_sockets(ports: dict[str, int]) -> None:
    """Remove the sockets that a weed on these ports made and, when it was killed, left behind."""
    for name, port in ports.items():
        component, _, protocol = name.partition("_")
        if protocol and is_free(port):
            Path(f"/tmp/seaweedfs-{component}-grpc-{port}.sock").unlink(missing_ok=True)  # noqa: S108 - weed's choice


def _weed_identities(state: StackState) -> bytes:
    keys = {"accessKey": state.s3_access_key_id, "secretKey": state.s3_secret_access_key}
    actions = ["Admin", "Read", "List", "Tagging", "Write"]
    return msgspec.json.encode({"identities": [{"name": "stack", "credentials": [keys], "actions": actions}]})


def _prepare_nessie(folder: Folder, state: StackState, ports: dict[str, int]) -> list[str | Path]:
    """Write Nessie's settings, for the S3 server that `state` knows, and return its command."""
    java, jar = parts.find_java(), parts.find_nessie_jar()
    (folder.nessie / "config").mkdir(exist_ok=True)
    # Quarkus reads this file from its working folder; in the command line anyone could read the secret
    settings = _nessie_settings(state, ports)
    lines = "".join(f"{name}={value}\n" for name, value in settings.items())
    write_private(folder.nessie / "config" / "application.properties", lines.encode())
    options = [*_JVM_OPTIONS, *archive.archive_options(java, jar, _JVM_OPTIONS, folder.nessie)]
    return [java.path, *options, f"-Djava.io.tmpdir={folder.nessie}", "-jar", jar]


def _nessie_settings(state: StackState, ports: dict[str, int]) -> dict[str, object]:
    s3 = "nessie.catalog.service.s3.default-options"
    settings = {
        "quarkus.http.host": "127.0.0.1",
        "quarkus.http.port": ports["http"],
        "quarkus.management.host": "127.0.0.1",
        "quarkus.management.port": ports["management"],
        "nessie.version.store.type": "ROCKSDB" if state.durable else "IN_MEMORY",
        "nessie.catalog.default-warehouse": BUCKET,
        f"nessie.catalog.warehouses.{BUCKET}.location": f"s3://{BUCKET}/",
        f"{s3}.endpoint": f"http://127.0.0.1:{state.servers['s3'].ports['s3']}/",
        f"{s3}.region": REGION,
        f"{s3}.path-style-access": "true",
        f"{s3}.request-signing-enabled": "false",
        f"{s3}.access-key": "urn:nessie-secret:quarkus:stack-secrets.s3",
        "stack-secrets.s3.name": state.s3_access_key_id,
        "stack-secrets.s3.secret": state.s3_secret_access_key,
    }
    if state.durable:
        settings["nessie.version.store.persist.rocks.database-path"] = "rocksdb"
    return settings


class _Topology(msgspec.Struct, rename="pascal"):
    max: int  # volumes that the volume servers known to the master can hold


class _MasterStatus(msgspec.Struct, rename="pascal"):
    topology: _Topology


def knows_volumes(port: int) -> bool:
    """Tell whether the weed master on this port has a volume server: without one nothing can be read or written."""
    try:
        return msgspec.json.decode(_answer(port, "/dir/status") or b"", type=_MasterStatus).topology.max > 0
    except msgspec.DecodeError:
        return False


def _healthy(path: str) -> Callable[[int], bool]:
    return lambda port: _answer(port, path) is not None


def _answer(port: int, path: str) -> bytes | None:
    """Return the body of a 200, or None."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read() if answer.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


# weed makes the bucket some time after its S3 server has come up; until its master knows the volume server of an
# earlier run again, up to 5 s can pass
_READY: dict[str, list[tuple[str, Callable[[int], bool]]]] = {
    "s3": [("s3", _healthy("/healthz")), ("filer", _healthy(f"/buckets/{BUCKET}/?limit=1")), ("master", knows_volumes)],
    "nessie": [("management", _healthy("/q/health/ready"))],
}


def is_ready(name: str, server: Server) -> bool:
    """Tell whether the server itself, not another one that took its port, says that it is ready."""
    ours = listening_ports(server.process)
    return all(server.ports[port] in ours and says_so(server.ports[port]) for port, says_so in _READY[name])


def wait_ready(name: str, server: Server, log: Path) -> None:
    """Wait until the server is ready; a StackError names its log when it ends or takes too long."""
    seconds = _S3_READY_SECONDS if name == "s3" else _NESSIE_READY_SECONDS
    deadline = time.monotonic() + seconds
    while not is_ready(name, server):
        if not server.is_running:
            raise StackError(f"The {name} server ended while starting; its log {log} says why.")
        if time.monotonic() > deadline:
            raise StackError(f"The {name} server was not ready after {seconds:.0f} s; look into its log {log}.")
        time.sleep(0.03)


def all_free(ports: dict[str, int]) -> bool:
    """Tell whether a server could have all of these ports now."""
    return all(is_free(port) for port in ports.values())


def choose_ports(name: str) -> dict[str, int]:
    """Choose free ports for the server `name`, by what listens on them."""
    return _s3_ports() if name == "s3" else _nessie_ports()


def spawn_server(name: str, folder: Folder, state: StackState, ports: dict[str, int], *, tied: bool) -> Server:
    """Start the server `name` on these ports; it is not ready yet."""
    folder.working(name).mkdir(parents=True, exist_ok=True)
    prepare = _prepare_s3 if name == "s3" else _prepare_nessie
    command = prepare(folder, state, ports)
    process = spawn(command, folder=folder.working(name), log=folder.log(name), tied=tied)
    return Server(process, ports)
