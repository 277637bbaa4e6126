"""A warm process as `tests.target.warm` is, whose children number their outside calls and may be struck at one, or
whose clock jumps.

Run as `python -m tests.faults.faulty FD` in the checkout. It must not load DuckDB, with which a forked child crashes
when it ends.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from tests.target.warm import become_program, serve

if __name__ == "__main__":
    program = serve(socket.socket(fileno=int(sys.argv[1])))
    from tests.faults import calls, clock

    if "DATIVO_FAULT" in os.environ:
        calls.install(os.environ)
    if "DATIVO_CLOCK" in os.environ:
        clock.install(Path(os.environ["DATIVO_CLOCK"]))
    become_program(program)
