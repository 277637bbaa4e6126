"""One real call of `dativo run`, made once for all tests: a tenant with quarantine, a tenant that fails."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dativo_ingest import private_files
from tests.dativo.project import Project

RECORD, SECRET = "c4n4ry-record", "c4n4ry-secret"


@dataclass(frozen=True)
class Ran:
    """What the call left. Tests only read it."""

    project: Project
    code: int
    call: dict[str, Any]

    @property
    def state(self) -> Path:
        return self.project.state

    @property
    def partial(self) -> dict[str, Any]:
        return self._of("acme")

    @property
    def failed(self) -> dict[str, Any]:
        return self._of("globex")

    def _of(self, tenant: str) -> dict[str, Any]:
        return next(job for job in self.call["jobs"] if job["tenant"] == tenant)


def ran_once(folder: Path) -> Ran:
    """Make the call, or wait for the worker that makes it and take what it left."""
    folder.mkdir(exist_ok=True)
    project, answer = Project(folder), folder / "call.json"
    with private_files.locked(folder / "lock", 250) as held:
        assert held
        if not answer.exists():
            answer.write_text(json.dumps(_run(project)))
    code, call = json.loads(answer.read_text())
    return Ran(project, code, call)


def _run(project: Project) -> tuple[int, dict[str, Any]]:
    project.asset()
    path = project.csv(1, 2, 3, 4)
    path.write_text(path.read_text().replace("2,ada", f"{RECORD},ada").replace("3,ada", "3,"))
    project.job(schema_validation_mode="quarantine")
    project.environment["DATIVO_SECRET__GLOBEX__PLACE"] = SECRET
    files = [{"path": "data/${PLACE}.csv", "object": "orders", "keys": ["id"]}]
    project.job(tenant="globex", source={"files": files})
    ended = project.dativo("run", "--job-dir", project.folder / "jobs", "--json", "--parallel", "2")
    assert SECRET not in ended.out + ended.err
    return ended.code, ended.json
