"""The wheel as a user meets it: installed by pipx, small, quick to answer, behind taps that are not ours."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dativo.project import Project
from tests.packaging.installing import CACHE, ROOT, UV, build, run
from tests.readback import Tables

OWN_PLUGINS = {
    "tap-airbyte": "extractor",
    "tap-csv": "extractor",
    "tap-markdown-kv": "extractor",
    "tap-google-sheets": "extractor",
    "tap-gdrive-csv": "extractor",
    "mapper-markdown-kv": "mapper",
}
_SIZE_LIMIT = 250 * 10**6
pytestmark = [pytest.mark.network, pytest.mark.timeout(600), pytest.mark.xdist_group("packaging")]


@pytest.fixture(scope="module")
def pipx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A pipx of its own with the built wheel in it; yields the folder of its commands."""
    folder = tmp_path_factory.mktemp("pipx")
    wheel = build(folder / "dist")
    environment = os.environ | {
        "PIPX_HOME": str(folder / "home"),
        "PIPX_BIN_DIR": str(folder / "bin"),
        "PATH": f"{UV.parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "UV_CACHE_DIR": str(CACHE),
    }
    run(sys.executable, "-m", "pipx", "install", "--backend", "uv", wheel, env=environment)
    # Before any run: Python adds bytecode as it goes.
    (folder / "size").write_text(str(_size(folder / "home" / "venvs" / "target-dativo-iceberg")))
    yield folder / "bin"
    shutil.rmtree(folder)


def _size(folder: Path) -> int:
    return sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def test_the_installed_command_answers(pipx: Path) -> None:
    assert "target-dativo-iceberg v" in run(pipx / "target-dativo-iceberg", "--version")
    for name in OWN_PLUGINS:
        assert f"{name} v" in run(pipx / name, "--version")


def test_dativo_finds_its_recipes_and_schemas_in_the_wheel(pipx: Path, tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.asset()
    project.csv(1)
    job = project.job(target={"settings": {"epoch_max_mb": 1}})
    found = json.loads(
        run(pipx / "dativo", *project.words("check", "--quick", "--json", "--config", job), cwd=tmp_path)
    )
    assert found["exit_code"] == 0
    assert found["jobs"][0]["problems"] == []


def test_the_installation_is_small_and_holds_no_meltano(pipx: Path) -> None:
    venv = pipx.parent / "home" / "venvs" / "target-dativo-iceberg"
    assert not list(venv.rglob("site-packages/meltano"))
    assert int((pipx.parent / "size").read_text()) < _SIZE_LIMIT


def test_version_waits_for_no_heavy_import(pipx: Path) -> None:
    python = pipx.parent / "home" / "venvs" / "target-dativo-iceberg" / "bin" / "python"
    code = (
        "import sys; sys.argv[1:] = ['--version']; from target_dativo_iceberg.__main__ import main; main();"
        "print([m for m in ('singer_sdk', 'pyarrow', 'pyiceberg', 'click') if m in sys.modules])"
    )
    assert run(python, "-c", code).splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("package", "command", "config", "stream"),
    [
        pytest.param("tap-jsonl==0.3.1", "tap-jsonl", "jsonl", "people", id="tap-jsonl"),
        pytest.param("tap-spreadsheets==1.1.2", "tap-spreadsheets", "sheets", "people", id="tap-spreadsheets"),
    ],
)
def test_a_stream_of_an_alien_tap_lands(
    pipx: Path, tmp_path: Path, package: str, command: str, config: str, stream: str
) -> None:
    venv = tmp_path / "tap"
    environment = os.environ | {"UV_CACHE_DIR": str(CACHE)}
    run(UV, "venv", "--python", sys.executable, venv, env=environment)
    run(UV, "pip", "install", "--python", venv / "bin" / "python", package, env=environment)
    (tmp_path / "tap.json").write_text(json.dumps(_tap_config(config, tmp_path)))
    (tmp_path / "target.json").write_text(json.dumps({"warehouse": str(tmp_path / "warehouse")}))
    tap = run(venv / "bin" / command, "--config", tmp_path / "tap.json")
    states = run(pipx / "target-dativo-iceberg", "--config", tmp_path / "target.json", input=tap)
    assert states.strip()
    rows = Tables(tmp_path / "warehouse").rows(stream, order="name")
    assert [(r["name"], str(r["age"])) for r in rows] == [("Ada", "36"), ("Noël", "7")]


def _tap_config(kind: str, folder: Path) -> dict[str, object]:
    if kind == "jsonl":
        path = folder / "people.jsonl"
        path.write_text('{"name": "Ada", "age": 36}\n{"name": "Noël", "age": 7}\n')
        return {"path": str(path), "stream_name": "people"}
    path = folder / "people.csv"
    path.write_text("name,age\nAda,36\nNoël,7\n")
    return {"files": [{"path": str(path), "format": "csv", "table_name": "people", "primary_keys": ["name"]}]}


def test_meltano_takes_the_hub_definitions(tmp_path: Path) -> None:
    meltano = ROOT / ".venv-meltano" / "bin" / "meltano"
    environment = os.environ | {"HOME": str(tmp_path), "MELTANO_CLI_DISABLE_VERSION_CHECK": "1", "NO_COLOR": "1"}
    run(meltano, "init", "project", cwd=tmp_path, env=environment)
    plugins = {"target-dativo-iceberg": "loader", **OWN_PLUGINS}
    for name, kind in plugins.items():
        run(
            meltano, "add", "--plugin-type", kind, name, "--from-ref", ROOT / "docs" / "hub" / f"{name}.yml",
            "--no-install", cwd=tmp_path / "project", env=environment,
        )  # fmt: skip
    added = (tmp_path / "project" / "meltano.yml").read_text()
    for name in plugins:
        assert f"name: {name}\n" in added
