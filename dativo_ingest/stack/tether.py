"""Runs one command in place of itself: `tether.py PARENT_PID FOLDER COMMAND…`.

Started as a file by `process.spawn`, before any of our packages can be imported, so it imports only the
standard library. PARENT_PID 0 lets the command outlive whoever started it.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ")


def clean_environment(folder: str) -> dict[str, str]:
    """Return an environment without settings of the user's: weed and Quarkus both read theirs from variables."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {"HOME": folder, "TMPDIR": folder}


def die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent` ends, also when it has ended already."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        sys.exit(f"prctl failed with errno {ctypes.get_errno()}")
    if os.getppid() != parent:
        sys.exit("the process that asked for this server has ended")


def main(parent: int, folder: str, command: list[str]) -> None:
    """Tie this process to `parent` (unless 0), go to `folder` and become `command`."""
    if parent:
        die_with(parent)
    os.chdir(folder)
    os.execve(command[0], command, clean_environment(folder))  # noqa: S606 - no shell is what we want


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
