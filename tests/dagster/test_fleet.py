"""Code server, run launchers and queue of docs/dagster.md: real ones; Docker and Kubernetes are stand-ins."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._grpc.client import DagsterGrpcClient

from tests.dagster.test_pages import blocks
from tests.dativo.project import ROOT, Project
from tests.nessie.loopback import Answer, Arrival, serving
from tests.sources.venvs import tap_venv

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]
# Without a daemon there is no queue that would launch the run.
AT_ONCE = {"run_coordinator": {"module": "dagster.core.run_coordinator", "class": "DefaultRunCoordinator"}}


@dataclass
class Served:
    """A code server at work."""

    project: Project
    port: int

    def launch(self, instance: dict[str, Any], environment: dict[str, str], *words: str) -> None:
        """Launch the job as `dagster` of the machines' own environment does, with an instance of these settings."""
        home = self.project.write("home/dagster.yaml", instance | AT_ONCE | {"telemetry": {"enabled": False}}).parent
        where = ["--grpc-host", "127.0.0.1", "--grpc-port", str(self.port), "-j", "acme___orders"]
        kept = {"PATH": os.environ["PATH"], "HOME": str(home), "DAGSTER_HOME": str(home)}
        done = subprocess.run(
            [tap_venv("dagster-fleet") / "bin" / "dagster", "job", "launch", *where, *words],
            env=kept | environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def deployment() -> dict[str, Any]:
    """The only one of the page's values for the Helm chart."""
    (text,) = blocks("dagster.md", "yaml values")
    (found,) = yaml.safe_load(text)["dagster-user-deployments"]["deployments"]
    return dict(found)


def container_context() -> str:
    """What the chart hands to the code server of a deployment whose configuration is included in launched runs."""
    shown = deployment()
    assert shown["includeConfigInLaunchedRuns"] == {"enabled": True}
    parts = {"env": shown["env"], "volumes": shown["volumes"], "volume_mounts": shown["volumeMounts"]}
    return json.dumps({"k8s": parts | {"image_pull_policy": shown["image"]["pullPolicy"]}})


@pytest.fixture
def served(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """The commands of the page, run on a free port, with the jobs that the page names."""
    _jobs(project)
    (script,) = blocks("dagster.md", "sh location")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    for shown, here in (
        ('"/srv/dativo"', f'"{project.folder}"'),
        ('"/var/lib/dativo"', f'"{project.state}"'),
        (" 4266 ", f" {port} "),
    ):
        assert shown in script
        script = script.replace(shown, here)
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(project.folder),
    }
    environment |= {"PYTHONPATH": str(ROOT), "DAGSTER_CONTAINER_CONTEXT": container_context()}
    log = project.folder / "code-server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["bash", "-eu", "-c", script], cwd=project.folder, env=environment, stdout=out, stderr=out,
            start_new_session=True,
        )  # fmt: skip
    try:
        client = DagsterGrpcClient(port=port, host="127.0.0.1")
        while not _answers(client):
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        assert client.health_check_query() == "SERVING"
        yield Served(project, port)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _jobs(project: Project) -> None:
    project.job("orders", "acme")
    project.job("orders", "globex")
    (runner,) = blocks("dagster.md", "yaml runner")
    project.write("runner.yaml", runner)


def _answers(client: DagsterGrpcClient) -> bool:
    try:
        return bool(client.ping("here")["echo"])
    except DagsterUserCodeUnreachableError:
        return False


def answered(value: dict[str, Any], status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


@pytest.fixture
def queue(project: Project, _warm_programs: Path) -> dict[str, str]:
    """The page's module, with a folder as the broker; the environment of who asks and of who works.

    Its Dagster is that of the other environment, so what else the jobs need comes last on the path.
    """
    _jobs(project)
    (code,) = blocks("dagster.md", "python celery")
    results = f"file://{project.folder}/results"
    for shown, here in (
        ('"/srv/dativo"', f'"{project.folder}"'),
        ("pyamqp://guest@rabbitmq//", "filesystem://"),
        ("rpc://", results),
    ):
        assert shown in code
        code = code.replace(shown, here)
    project.write("queued.py", code)
    project.write("worker.yaml", {"execution": {"config": {"broker": "filesystem://", "backend": results}}})
    for name in ("data_in", "processed", "control", "results"):
        (project.folder / name).mkdir()
    # What one side puts out is what the other takes in.
    (project.folder / "data_out").symlink_to("data_in")
    ours = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    last = project.write("last/sitecustomize.py", f"import sys\nsys.path += {ours!r}\n").parent
    programs = (tap_venv("dagster-fleet") / "bin", Path(sys.executable).parent, os.environ["PATH"])
    home = project.write("home/dagster.yaml", {"telemetry": {"enabled": False}}).parent
    return {
        "PATH": os.pathsep.join(map(str, programs)), "PYTHONPATH": str(last), "STATE_DIR": str(project.state),
        "HOME": str(home), "DAGSTER_HOME": str(home), "DATIVO_MELTANO": str(_warm_programs / "meltano"),
    }  # fmt: skip


def test_a_worker_takes_a_load_from_the_queue(project: Project, queue: dict[str, str]) -> None:
    project.csv(1, 2, 3)
    log = project.folder / "worker.log"
    worker = ["dagster-celery", "worker", "start", "-A", "dagster_celery.app", "-y", "worker.yaml"]
    run = ["dagster", "job", "execute", "-f", "queued.py", "-j", "acme___orders"]
    with log.open("wb") as out:
        working = subprocess.Popen(
            worker, cwd=project.folder, env=queue, stdout=out, stderr=out, start_new_session=True
        )
    try:
        # The history is in SQLite here, which only one may make.
        while b" ready." not in log.read_bytes():
            assert working.poll() is None, log.read_text()
            time.sleep(0.05)
        done = subprocess.run(run, cwd=project.folder, env=queue, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-6000:]
    finally:
        os.killpg(working.pid, signal.SIGKILL)
        working.wait()
    assert project.ids() == [1, 2, 3]
    # Its lines are in the log of the worker, not in that of who asked.
    assert "job_finished" in log.read_text()


def docker(arrival: Arrival) -> Answer:
    """What Docker answers to who makes and starts a container."""
    if arrival.path.endswith("/version"):
        return answered({"ApiVersion": "1.44", "MinAPIVersion": "1.24"})
    if arrival.path.split("?")[0].endswith("/containers/create"):
        return answered({"Id": "c1", "Warnings": []}, 201)
    return answered({"Id": "c1", "Name": "/c1", "Config": {}, "State": {"Status": "running"}})


def test_a_container_for_each_run(served: Served) -> None:
    (_, text) = blocks("dagster.md", "yaml instance")
    with serving(docker) as server:
        environment = {"DOCKER_HOST": server.uri.replace("http", "tcp"), "DATIVO_DAGSTER": "{}", "NESSIE_URI": "x"}
        served.launch(yaml.safe_load(text), environment)
        paths = [one.path.split("?")[0] for one in server.arrivals]
        (made,) = (json.loads(one.body) for one in server.arrivals if "/containers/create" in one.path)
    assert paths[-1].endswith("/containers/c1/start")
    assert made["Image"] == "registry.example.com/dativo:0.1.0"
    assert {"DATIVO_DAGSTER={}", "NESSIE_URI=x"} <= set(made["Env"])
    config = made["HostConfig"]
    assert config["NetworkMode"] == "dativo"
    assert config["Binds"] == [
        "/srv/dativo:/srv/dativo:ro",
        "/var/lib/dativo:/var/lib/dativo",
        "/srv/secrets:/secrets:ro",
    ]
    assert made["Cmd"][:3] == ["dagster", "api", "execute_run"]
    assert "dativo_ingest.dagster.code_location" in made["Cmd"][3]


def test_a_pod_for_each_run(served: Served) -> None:
    """As Dagster's chart hands the values to the launcher; the chart itself needs Helm and a cluster."""
    page = (ROOT / "docs/dagster.md").read_text()
    (text,) = blocks("dagster.md", "yaml values")
    launcher = yaml.safe_load(text)["runLauncher"]
    assert launcher["type"] == "K8sRunLauncher"
    run = launcher["config"]["k8sRunLauncher"]["runK8sConfig"]
    (tag,) = re.findall(r"dagster-k8s/config: '(.*?)'", page, re.DOTALL)
    image = "{repository}:{tag}".format(**deployment()["image"])
    with serving(lambda arrival: answered(json.loads(arrival.body), 201)) as server:
        cluster = {"name": "c", "cluster": {"server": server.uri}}
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        kube = {"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context]}
        kube |= {"users": [{"name": "u", "user": {}}], "current-context": "c"}
        config = {
            "service_account_name": "dagster", "instance_config_map": "dagster-instance", "job_image": image,
            "load_incluster_config": False, "kubeconfig_file": str(served.project.write("kube.json", json.dumps(kube))),
            "run_k8s_config": {"pod_spec_config": run["podSpecConfig"]}, "dagster_home": "/opt/dagster/dagster_home",
        }  # fmt: skip
        instance = {"run_launcher": {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": config}}
        served.launch(instance, {}, "--tags", json.dumps({"dagster-k8s/config": tag}))
        (asked,) = server.arrivals
    assert asked.path.endswith("/namespaces/default/jobs")
    pod = json.loads(asked.body)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["terminationGracePeriodSeconds"] == 240
    assert (container["image"], container["imagePullPolicy"]) == ("registry.example.com/dativo:0.1.0", "IfNotPresent")
    assert container["resources"] == {"requests": {"memory": "1Gi"}}
    assert {"name": "state", "persistentVolumeClaim": {"claimName": "dativo-state"}} in pod["volumes"]
    assert {"name": "secrets", "secret": {"secretName": "dativo-tenants"}} in pod["volumes"]
    mounts = {one["name"]: (one["mountPath"], one.get("readOnly", False)) for one in container["volumeMounts"]}
    assert mounts["state"] == ("/var/lib/dativo", False)
    assert mounts["secrets"] == ("/secrets", True)
    (said,) = (one["value"] for one in container["env"] if one["name"] == "DATIVO_DAGSTER")
    assert json.loads(said)["state_dir"] == "/var/lib/dativo"
