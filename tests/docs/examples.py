"""The examples of the documentation at work: a page's blocks are given to the target and compared with what it did.

Blocks run in the order of the page. A block that gives something (contract, settings, SCHEMA, records) takes the place
of the one of its kind before it; the first block behind it that says what came of it has the target run. Each run
has a warehouse of its own, unless a block that is given says `next`. A heading forgets everything.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from duckdb import DuckDBPyConnection

from tests.docs.comparing import Ran, compare, same_text
from tests.docs.pages import Block, Section, Step, steps
from tests.target.running import Ended, Target

# What the pages leave out around the snippet of a schema object.
HEAD = "apiVersion: v3.2.0\nkind: DataContract\nid: shop-orders\nversion: 1.0.0\nstatus: active\nschema:\n"
# What a command prints of which a page says nothing.
NOTHING = Block("text output", (), "", 0)
KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"


class Example:
    """One section of a page while it runs.

    Args:
        section: see there.
        targets: makes a target in a folder.
        folder: for warehouses.
        reader: of tables.

    """

    def __init__(
        self, section: Section, targets: Callable[[Path], Target], folder: Path, reader: DuckDBPyConnection
    ) -> None:
        self._section = section
        self._targets = targets
        self._folder = folder
        self._reader = reader
        self._target = targets(folder)
        self._given: dict[str, Block] = {}
        self._settings: dict[str, Any] = {}
        self._ended: Ended | None = None

    def run(self) -> None:
        """Run all steps; an AssertionError names the line of the block that does not hold."""
        for number, step in enumerate(steps(self._section)):
            with _at(self._section.page, step.first):
                self._settle(step, self._folder / str(number))
                results = list(step.results)
                if step.command:
                    self._command(step.command, results.pop(0) if results else NOTHING)
                else:
                    assert results, "the page does not say what comes of this"
                    self._load(fails=any(block.role == "text failed" for block in results))
            for block in results:
                with _at(self._section.page, block):
                    compare(block, self._ran)

    @property
    def _ran(self) -> Ran:
        return Ran(self._target.warehouse, self._target.folder, self._ended, self._reader)

    def _settle(self, step: Step, folder: Path) -> None:
        """Write what is given to the files that a load and the commands read."""
        if step.inputs and not any("next" in block.words for block in step.inputs):
            folder.mkdir(parents=True)
            self._target = self._targets(folder)
        for block in step.inputs:
            kind = {"yaml object": "yaml contract", "jsonl singer": "jsonl records"}.get(block.role, block.role)
            self._given[kind] = block
        self._settings = {}
        if contract := self._given.get("yaml contract"):
            (self._target.folder / "orders.yaml").write_text(document(contract))
            self._settings["contract_path"] = "orders.yaml"
        if settings := self._given.get("json settings"):
            self._settings |= json.loads(settings.text)
        config = {"warehouse": str(self._target.warehouse)} | self._settings
        (self._target.folder / "target.json").write_text(json.dumps(config))

    # ---- runs ----

    def _load(self, *, fails: bool) -> None:
        child = self._target.start(env={"DATIVO_PRIVACY_KEY": KEY}, **self._settings)
        child.feed(*self._lines())
        self._ended = child.wait()
        assert "Traceback" not in self._ended.log, self._ended.log
        assert self._ended.code == (1 if fails else 0), self._ended.log

    def _lines(self) -> Iterator[str]:
        records = self._given["jsonl records"]
        if records.role == "jsonl singer":
            yield from records.text.splitlines()
            return
        schema = self._given.get("json schema")
        yield " ".join(schema.text.split()) if schema else json.dumps(self._usual_schema())
        for line in records.text.splitlines():
            yield f'{{"type": "RECORD", "stream": "orders", "record": {line}}}'

    def _usual_schema(self) -> dict[str, Any]:
        """SCHEMA with the contract's columns, of which it says nothing."""
        (table,) = yaml.safe_load(document(self._given["yaml contract"]))["schema"]
        columns: dict[str, Any] = {member["name"]: {} for member in table["properties"]}
        return {"type": "SCHEMA", "stream": "orders", "schema": {"properties": columns}, "key_properties": []}

    def _command(self, command: Block, output: Block) -> None:
        assert output.role == "text output", "the page does not say what this prints"
        if command.role == "sql":
            same_text(output, self._ran.query(command.text))
            return
        if command.role == "python":
            ended, printed = self._process(sys.executable, "-c", command.text)
            assert ended == 0, printed
            same_text(output, printed)
            return
        code = next((int(w.removeprefix("exit:")) for w in output.words if w.startswith("exit:")), 0)
        same_text(output, self._shell(command.text, code))

    def _shell(self, script: str, code: int) -> str:
        """Run a script with the commands of this Python on the path; what it prints, errors last."""
        alone = _COMMAND.fullmatch(script.strip())
        ended, printed = self._program(alone[1], shlex.split(alone[2])) if alone else self._bash(script)
        assert ended == code, printed
        assert "Traceback" not in printed, printed
        return printed.replace(f"{self._target.folder}/", "")

    def _program(self, name: str, words: list[str]) -> tuple[int, str]:
        """Run `dativo NAME WORDS`, in a process that need not import its libraries."""
        program = f"target_dativo_iceberg.{name}"
        ended = self._target.start(argv=words, program=program, env={"DATIVO_PRIVACY_KEY": KEY}).wait()
        return ended.code, ended.out.decode() + ended.log

    def _bash(self, script: str) -> tuple[int, str]:
        return self._process("bash", "-eu", "-c", _DATIVO + script)

    def _process(self, *words: str) -> tuple[int, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            words,
            cwd=self._target.folder,
            env=os.environ | {"PATH": path, "DATIVO_PRIVACY_KEY": KEY},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


_COMMAND = re.compile(r"dativo (plan|replay) ([^|<>&;\n]*)")
_DATIVO = f'dativo() {{ "{sys.executable}" -m dativo_ingest "$@"; }}\n'


def document(contract: Block) -> str:
    """Return the whole contract; the snippet of an object is put under the usual head."""
    if contract.role == "yaml contract":
        return contract.text
    lines = contract.text.splitlines()
    return HEAD + "".join(f"{'  - ' if n == 0 else '    '}{line}\n" for n, line in enumerate(lines))


@contextlib.contextmanager
def _at(page: str, block: Block) -> Iterator[None]:
    """Say where in the documentation an assertion did not hold."""
    try:
        yield
    except (AssertionError, KeyError, ValueError) as error:
        raise AssertionError(f"docs/{page}, line {block.line}: {error}") from error
