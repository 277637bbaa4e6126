"""A Python that is warm: a process that has imported the heavy modules forks a child for each call of a command.

To import them takes dativo, Meltano, tap and target nine seconds of the ten that a job of a few rows takes. A child is
the real command from its first line on: its arguments, environment, folder, umask, streams, signals and exit code are
the caller's, and it is killed when its caller is. Only its parent is another one, and it is a session of its own: tests
that look at processes, or kill them, run the commands themselves.

`python warm_python.py serve FD MODULES…` serves on a listening socket until standard input ends.
`python warm_python.py call SOCKET WORDS…` is a call: `python WORDS…`, WORDS being a script, or `-m` and a module.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import itertools
import json
import os
import runpy
import select
import shlex
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

LONGEST = 1 << 20
MELTANO = Path(__file__).resolve().parents[2] / ".venv-meltano" / "bin"
OURS = (
    *("dativo_ingest.cli", "dativo_ingest.commands.run", "dativo_ingest.commands.start", "dativo_ingest.commands.jobs"),
    *("dativo_ingest.commands.check", "dativo_ingest.commands.report", "dativo_ingest.run", "tap_adapters.csv.tap"),
    *(f"target_dativo_iceberg.{name}" for name in ("contract", "plan", "publish", "replay", "tables", "target")),
)


@contextlib.contextmanager
def programs(folder: Path) -> Iterator[Path]:
    """Make a folder like that of the environment's programs: Python, our commands, Meltano and its uv."""
    from importlib import metadata

    real, python = Path(sys.executable), folder / "python"
    with (
        serving(real, OURS, folder / "ours.socket", python) as ours,
        serving(MELTANO / "python", ["meltano.cli"], folder / "meltano.socket") as meltano,
    ):
        modules = '"-P -m" | "-m dativo_ingest"* | "-m tap_adapters."* | "-m target_dativo_iceberg"*'
        _script(python, f'case "$1 $2" in {modules}) exec {ours} "$@" ;; esac\nexec {real} "$@"')
        _script(folder / "meltano", f'exec {meltano} {MELTANO / "meltano"} "$@"')
        (folder / "uv").symlink_to(MELTANO / "uv")
        for command in metadata.distribution("target-dativo-iceberg").entry_points:
            if command.group == "console_scripts":
                _script(folder / command.name, f'exec {ours} {real.parent / command.name} "$@"')
        yield folder


def use(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Have runs started with the programs in that folder."""
    patch.setattr(sys, "executable", str(folder / "python"))
    patch.setenv("DATIVO_MELTANO", str(folder / "meltano"))


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@contextlib.contextmanager
def serving(python: Path, modules: Sequence[str], place: Path, executable: Path | None = None) -> Iterator[str]:
    """Serve as long as this lasts; give the start of a command line that calls, for a shell.

    Args:
        python: of the environment that has the modules.
        modules: what is imported before the first call.
        place: of the socket.
        executable: what the children call to start Python, None for `python` itself.

    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(place))
        listening.listen()
        server = subprocess.Popen(
            [python, __file__, "serve", str(listening.fileno()), str(executable or ""), *modules],
            pass_fds=[listening.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={k: v for k, v in os.environ.items() if k in ("PATH", "PYTHONPATH")} | {"HOME": str(place.parent)},
        )
    try:
        yield shlex.join([sys.executable, "-I", "-S", __file__, "call", str(place)])
    finally:
        server.communicate()


def call(place: str, words: list[str]) -> int:
    """Have a child forked that has this process's place, and end as it does."""
    umask = os.umask(0)
    os.umask(umask)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as there:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)
        there.connect(place)
        request = {"words": words, "environment": dict(os.environ), "folder": str(Path.cwd()), "umask": umask}

        def pass_on(number: int, _frame: FrameType | None) -> None:
            there.send(str(number).encode())

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, pass_on)
        socket.send_fds(there, [json.dumps(request).encode()], [0, 1, 2])
        code = int(there.recv(64))
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


class Served:
    """The warm side: which caller waits for which child."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._poll = select.poll()
        self._callers: dict[int, tuple[socket.socket, int]] = {}  # with the pid of the child, by descriptor
        self._children: dict[int, int] = {}  # descriptors: of a caller by that of its child
        for descriptor in (listening.fileno(), 0):
            self._poll.register(descriptor, select.POLLIN)

    def until_called(self) -> dict[str, Any]:
        """Serve; return, in a forked child with the streams of its caller, what is to be run. Ends the process."""
        while True:
            for descriptor, _event in self._poll.poll():
                if descriptor == 0:
                    os._exit(0)
                elif descriptor == self._listening.fileno():
                    if (request := self._accept()) is not None:
                        return request
                elif descriptor in self._children:
                    self._answer(descriptor)
                elif descriptor in self._callers:
                    self._heard(descriptor)

    def _accept(self) -> dict[str, Any] | None:
        caller, _ = self._listening.accept()
        text, descriptors, _flags, _address = socket.recv_fds(caller, LONGEST, 3)
        if not text:
            caller.close()
            return None
        pid = os.fork()
        if pid == 0:
            self._leave(caller, descriptors)
            return json.loads(text)  # type: ignore[no-any-return]
        for descriptor in descriptors:
            os.close(descriptor)
        child = os.pidfd_open(pid)
        self._callers[caller.fileno()], self._children[child] = (caller, pid), caller.fileno()
        for descriptor in (child, caller.fileno()):
            self._poll.register(descriptor, select.POLLIN)
        return None

    def _leave(self, caller: socket.socket, descriptors: list[int]) -> None:
        """In a child: take the caller's streams, and nothing of the server's."""
        os.setsid()
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        sockets = [self._listening, caller, *(one for one, _ in self._callers.values())]
        for descriptor in [*descriptors, *self._children, *(one.detach() for one in sockets)]:
            os.close(descriptor)

    def _answer(self, child: int) -> None:
        """A child has ended: its caller may, too."""
        caller, pid = self._callers.pop(self._children.pop(child))
        self._poll.unregister(child)
        with contextlib.suppress(KeyError):  # the caller was killed
            self._poll.unregister(caller.fileno())
        os.close(child)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with contextlib.suppress(OSError), caller:
            caller.send(str(code).encode())

    def _heard(self, descriptor: int) -> None:
        """A caller passes a signal on, or has been killed."""
        caller, pid = self._callers[descriptor]
        said = caller.recv(64)
        os.kill(pid, int(said) if said else signal.SIGKILL)
        if not said:
            self._poll.unregister(descriptor)


def serve(descriptor: int, executable: str, modules: list[str]) -> None:
    """Import, serve, and in a child be the command that is called."""
    from tests.target.warm import end

    sys.path.pop(0)
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # a child that looks through all that is imported takes long, and copies it
    request = Served(socket.socket(fileno=descriptor)).until_called()
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    os.umask(request["umask"])
    sys.executable = executable or sys.executable
    # The server's own were not what these are: a pipe cannot be sought in.
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    if wanted := os.environ.get("PYTHONWARNINGS"):
        warnings.simplefilter(wanted)  # type: ignore[arg-type]
    sys.argv = list(itertools.dropwhile(lambda word: word in ("-P", "-m"), request["words"]))
    end(lambda: run(sys.argv[0]))


def run(name: str) -> None:
    """Run a script, or a module as `-m` does."""
    if "/" in name:
        runpy.run_path(name, run_name="__main__")
    else:
        if name in sys.modules and not hasattr(sys.modules[name], "__path__"):
            del sys.modules[name]  # a module that is run is not one that is imported yet
        runpy.run_module(name, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if sys.argv[1] == "call":
        sys.exit(call(sys.argv[2], sys.argv[3:]))
    sys.path[0] = str(Path(__file__).parents[2])
    serve(int(sys.argv[2]), sys.argv[3], sys.argv[4:])
