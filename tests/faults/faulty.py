"""A warm process as `tests.target.warm` is, whose children number their outside calls and may be struck at one.

Run as `python -m tests.faults.faulty FD` in the checkout. It must not load DuckDB, with which a forked child crashes
when it ends.
"""

from __future__ import annotations

import os
import socket
import sys

from tests.target.warm import serve

if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
    from target_dativo_iceberg.__main__ import main
    from tests.faults.calls import install

    if "DATIVO_FAULT" in os.environ:
        install(os.environ)
    main()
