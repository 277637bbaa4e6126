"""Becomes COMMAND, ended by the kernel together with the thread that started it: `tied.py COMMAND…`."""

import os
import signal
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
from dativo_ingest.wrappers import processes

if __name__ == "__main__":
    processes.end_with_parent(signal.SIGKILL)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - no shell is what we want
