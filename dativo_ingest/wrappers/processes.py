"""What the wrappers share: children that the kernel ends with their parent (Linux), signals passed on, files."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from types import FrameType

_PR_SET_PDEATHSIG = 1


def end_with_parent(number: int) -> None:
    """Have the kernel send this process a signal when the one that started it ends."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(128 + signal.SIGTERM)


def tied() -> None:
    """End this child with its parent; for `preexec_fn`, in programs of one thread."""
    end_with_parent(signal.SIGKILL)


def pass_on(child: "subprocess.Popen[bytes]", grace: int) -> None:
    """Pass the first SIGTERM or SIGINT on to a child, and kill it when it is still there after `grace` seconds."""

    def arrived(_number: int, _frame: FrameType | None) -> None:
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, signal.SIG_IGN)
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGTERM)
        signal.alarm(grace)

    handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]] = {
        signal.SIGTERM: arrived,
        signal.SIGINT: arrived,
        signal.SIGALRM: lambda _number, _frame: child.kill(),
    }
    for number, handler in handlers.items():
        signal.signal(number, handler)


def log_to(path: str) -> None:
    """Have standard error, of this process and its children, appended to a file for its owner only.

    Meltano would take the level off a plugin's lines, and a reader that has died would end a plugin that logs.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def environment_without(*prefixes: str) -> dict[str, str]:
    """Return the environment for a plugin: without the settings of the other one, and with logging as it is by itself.

    Meltano has plugins log without their levels.
    """
    dropped = ("SINGER_SDK_LOG_CONFIG", "LOGGING_CONF_FILE")
    return {k: v for k, v in os.environ.items() if not k.startswith(prefixes) and k not in dropped}


def code_of(returncode: int) -> int:
    """Return an exit code as a shell has it."""
    return returncode if returncode >= 0 else 128 - returncode


def put(path: str, text: str) -> None:
    """Write a small file for its owner only, whole or not at all."""
    descriptor = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)  # noqa: PTH105 - pathlib costs more than all the rest here
