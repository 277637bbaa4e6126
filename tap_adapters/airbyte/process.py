"""The source as a process: in a group of its own, read as it writes, and ended for certain (Linux)."""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from tap_adapters.airbyte.errors import SourceFailed

_BLOCK = 1 << 20
_LONGEST_LINE = 256 << 20
_GRACE_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1
_F_SETPIPE_SZ = 1031
_LIBC = ctypes.CDLL(None)
_NOT_FOR_SOURCES = ("TAP_", "TARGET_", "MELTANO_", "DATIVO_", "SINGER_SDK_")
_NOT_OF_ITS_VENV = frozenset({"PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"})
_EXCEPTION = re.compile(rb"^(?:[A-Za-z_]\w*\.)*([A-Z]\w*(?:Error|Exception|Exit|Interrupt))(?::|\s*$)")


class ReaderGone(BrokenPipeError):
    """Whoever reads our output has gone."""


class SourceProcess:
    """A running source.

    Attributes:
        code: exit code once `lines` is used up; negative for a signal.
        exception: class of the exception that the source's error output ends with, if any.
        tail: what the source wrote after its last line break.
        noise: lines of its error output.

    """

    def __init__(self, command: Sequence[str]) -> None:
        """Start the command; SourceFailed if the system refuses. It is killed with us should we be killed."""
        self.code: int | None = None
        self.exception = ""
        self.tail = b""
        self.noise = 0
        parent = os.getpid()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the user names the command
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=source_environment(os.environ),
                start_new_session=True,
                preexec_fn=lambda: _die_with(parent),  # noqa: PLW1509 - there are no threads here
                umask=0o077,
            )
        except OSError as error:
            raise SourceFailed(f"'{command[0]}' cannot be run: {error.strerror}.") from error
        self._pid = os.pidfd_open(self._process.pid)

    def lines(self, watched: int | None) -> Iterator[list[bytes]]:
        """Yield the whole lines of its output as they come, many at once, until the process has ended.

        ReaderGone as soon as the pipe `watched` has lost its reader, also while the source is silent.
        """
        pieces: list[bytes] = []
        size = 0
        for block in self._blocks(watched):
            first, line_break, _ = block.partition(b"\n")
            if not line_break:
                pieces.append(block)
                size += len(first)
                if size > _LONGEST_LINE:
                    raise SourceFailed(f"The source wrote a line of more than {_LONGEST_LINE >> 20} MiB.")
                continue
            whole = b"".join((*pieces, block)).split(b"\n")
            rest = whole.pop()
            pieces, size = [rest], len(rest)
            yield whole
        self.tail = b"".join(pieces)

    def end(self) -> None:
        """End its whole group, by SIGTERM and after some seconds by SIGKILL, and wait for it."""
        if self._process.returncode is None:
            self._signal(signal.SIGTERM, signal.SIGCONT)
            _wait(self._pid, _GRACE_SECONDS)
            self._reap()
        os.close(self._pid)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def _blocks(self, watched: int | None) -> Iterator[bytes]:
        """Yield its output in blocks; once it has ended its group is killed, so that the rest has an end too."""
        out, err = self._descriptors()
        open_pipes = {out, err}
        poller = select.poll()
        for descriptor in (out, err, self._pid):
            poller.register(descriptor, select.POLLIN)
        if watched is not None:
            poller.register(watched, 0)
        while self.code is None:
            ready = {descriptor for descriptor, _ in poller.poll()}
            if watched in ready:
                raise ReaderGone
            if self._pid in ready:
                self._reap()
                ready |= open_pipes
            for descriptor in ready & open_pipes:
                for block in _available(descriptor, everything=self.code is not None):
                    if not block:
                        poller.unregister(descriptor)
                        open_pipes.remove(descriptor)
                    elif descriptor == out:
                        yield block
                    else:
                        self._note(block)

    def _descriptors(self) -> tuple[int, int]:
        pipes = self._process.stdout, self._process.stderr
        out, err = (pipe.fileno() for pipe in pipes if pipe)
        for descriptor in (out, err):
            os.set_blocking(descriptor, False)
            with suppress(OSError):  # larger pipes are a favour: the system may grant none
                fcntl.fcntl(descriptor, _F_SETPIPE_SZ, _BLOCK)
        return out, err

    def _note(self, block: bytes) -> None:
        """Count lines of the error output, and keep the class of the last exception: the rest may hold anything."""
        for line in block.splitlines():
            self.noise += 1
            if found := _EXCEPTION.match(line):
                self.exception = found[1].decode()

    def _reap(self) -> None:
        """Kill what is left of the group, while its dead leader still keeps the group's number from others."""
        self._signal(signal.SIGKILL)
        self.code = self._process.wait()

    def _signal(self, *numbers: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            for number in numbers:
                os.killpg(self._process.pid, number)


def source_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a source: neither settings of Singer plugins, with secrets, nor of our own venv."""
    kept = {
        name: value
        for name, value in ours.items()
        if not name.startswith(_NOT_FOR_SOURCES) and name not in _NOT_OF_ITS_VENV
    }
    return kept | {"PYTHONIOENCODING": "utf-8"}


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent` ends, also when it has ended already."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _available(descriptor: int, *, everything: bool) -> Iterator[bytes]:
    """Yield what can be read without waiting, one block of it or everything; the empty block is the end."""
    with suppress(BlockingIOError):
        while block := os.read(descriptor, _BLOCK):
            yield block
            if not everything:
                return
        yield b""


def _wait(pid: int, seconds: float) -> None:
    poller = select.poll()
    poller.register(pid, select.POLLIN)
    poller.poll(seconds * 1000)
