"""Becomes COMMAND; the kernel sends it SIGNAL when the thread that started it ends: `tied.py SIGNAL COMMAND…`."""

import os
import signal
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
from dativo_ingest.wrappers import processes

if __name__ == "__main__":
    processes.end_with_parent(signal.Signals[sys.argv[1]])
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is what we want
