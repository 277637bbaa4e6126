"""A process that has imported the target's libraries and forks one child for each run of the target asked for.

Importing them costs two seconds; the tests of edges run the target some hundred times. The child is the real
command from `main()` on: its own standard streams, environment, limits, signals and exit code.
Instead of the target a request may name the module of a command, such as `target_dativo_iceberg.replay`.

Run as `python warm.py FD`, FD being a socket: one JSON object a message, with the descriptors of stdin, stdout, stderr.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

LONGEST = 1 << 20
TARGET = "target_dativo_iceberg.__main__"


def serve(control: socket.socket) -> str:
    """Answer requests until the other side closes; in a forked child, return the module to run."""

    import target_dativo_iceberg.command_line
    import target_dativo_iceberg.contract
    import target_dativo_iceberg.plan
    import target_dativo_iceberg.publish
    import target_dativo_iceberg.replay
    import target_dativo_iceberg.tables
    import target_dativo_iceberg.target  # noqa: F401

    # What is imported is out of the garbage collector's sight: a child that ends would go through all of it, and copy
    # it, which takes longer than a load.
    gc.collect()
    gc.freeze()
    while True:
        text, descriptors, _flags, _address = socket.recv_fds(control, LONGEST, 3)
        if not text:
            sys.exit(0)
        request = json.loads(text)
        if "argv" in request:
            pid = os.fork()
            if pid == 0:
                control.close()
                become(request, descriptors)
                return str(request["program"])
            for descriptor in descriptors:
                os.close(descriptor)
            answer: dict[str, Any] = {"pid": pid}
        else:
            answer = ended(request["pid"])
        control.sendall(json.dumps(answer).encode())


def become(request: dict[str, Any], descriptors: list[int]) -> None:
    """Put on the streams, environment, folder, limits and arguments of a run."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    for name, limit in request["limits"].items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))
    sys.argv = ["target-dativo-iceberg", *request["argv"]]


def ended(pid: int) -> dict[str, Any]:
    """Wait for a child: its exit code (negative: the signal that killed it) and its peak memory in KiB."""
    _pid, status, usage = os.wait4(pid, 0)
    return {"code": os.waitstatus_to_exitcode(status), "peak": usage.ru_maxrss}


def become_program(name: str) -> None:
    """Be the module of a command, from its `main()` to the exit code."""
    end(lambda: run(name))


def run(name: str) -> None:
    """Run a command's `main` as its console script does."""
    main = importlib.import_module(name).main
    if name == TARGET:
        main()
    else:
        from target_dativo_iceberg.command import program

        program(main)


def end(main: Callable[[], None]) -> None:
    """Run; end as the interpreter does, but leave the libraries in memory: to tear them down outlasts a load."""
    status: Any = 0
    try:
        main()
    except SystemExit as stop:
        status = stop.code
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if isinstance(status, str):
        print(status, file=sys.stderr)
    code = status if isinstance(status, int) else int(bool(status))
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream and not stream.closed:
                stream.flush()
        except OSError:
            code = 120
    os._exit(code)


if __name__ == "__main__":
    become_program(serve(socket.socket(fileno=int(sys.argv[1]))))
