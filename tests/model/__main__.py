"""Thousands of steps of the state machine.

Usage: python -m tests.model STEPS [sql|nessie], in the checkout (`make faults`).
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.faults.on_nessie import nessie_sweep
from tests.faults.sweep import sql_sweep
from tests.model.machine import World, try_out

_LENGTH = 25  # steps over one warehouse


def main(steps: int, where: str = "sql") -> None:
    """Take so many steps, and say what they were."""
    begun, remote = time.monotonic(), where == "nessie"
    with tempfile.TemporaryDirectory() as folder, nessie_sweep(Path(folder)) if remote else sql_sweep() as sweep:
        world = World(sweep.server, sweep.reader, sweep.make_place, remote)
        try:
            try_out(world, max(1, steps // _LENGTH), _LENGTH, shrinks=True)
        finally:
            told = ", ".join(f"{count} {what}" for what, count in sorted(world.counted.items()))
            print(f"{where}: {told}: {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
