"""Runs the target and keeps what it prints: `loader.py LOG LOCK EMITTED EXIT COMMAND…`.

LOCK is held as long as the target lives. EMITTED receives every STATE line, on the disk before the next is read:
state.json is made from it alone. EXIT receives the exit code. Meltano's arguments (a config file) are dropped: the
settings come from the environment, and so reach no file.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
from dativo_ingest.wrappers import processes

_GRACE_SECONDS = 150
_LOCK_SECONDS = 10


def main(log: str, lock: str, emitted: str, code_path: str, command: list[str]) -> int:
    """Run the target."""
    processes.log_to(log)
    processes.end_with_parent(signal.SIGTERM)
    held = _locked(lock)
    environment = processes.environment_without("TAP_")
    child = subprocess.Popen(  # noqa: S603 - our own command
        command,
        env=environment,
        stdout=subprocess.PIPE,
        pass_fds=[held],
        preexec_fn=processes.tied,  # noqa: PLW1509 - one thread
    )
    processes.pass_on(child, _GRACE_SECONDS)
    assert child.stdout is not None
    with os.fdopen(os.open(emitted, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as kept:
        for line in child.stdout:
            kept.write(line)
            kept.flush()
            os.fsync(kept.fileno())
    code = processes.code_of(child.wait())
    processes.put(code_path, str(code))
    return code


def _locked(path: str) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                sys.exit("a target of an earlier run of this job still publishes: wait for it, then run again")
            time.sleep(0.1)
        else:
            return descriptor


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:]))
