"""The command `target-dativo-iceberg`. The only place that turns errors into exit codes."""

from __future__ import annotations

import logging
import os
import sys
from importlib import metadata

from target_dativo_iceberg.errors import DativoError


def main() -> None:
    """Run the target.

    Exit codes: 0 when all that was read is published or in quarantine, 1 on any failure, 128 + n on signal n.
    """
    if sys.argv[1:] == ["--version"]:
        version, sdk = (metadata.version(name) for name in ("target-dativo-iceberg", "singer-sdk"))
        sys.stdout.write(f"target-dativo-iceberg v{version}, Meltano SDK v{sdk}\n")
        return
    from target_dativo_iceberg.target import TargetDativoIceberg  # noqa: PLC0415 - heavy

    try:
        TargetDativoIceberg.cli()
    except DativoError as error:
        fail(error)
    except Exception as error:  # the SDK wraps ours in its own exceptions
        if not isinstance(error.__cause__, DativoError):
            raise
        fail(error.__cause__)


def fail(error: DativoError) -> None:
    """Say what is wrong in one line and end."""
    logging.getLogger("target-dativo-iceberg").error("%s: %s", error.code, error)
    logging.shutdown()
    sys.stderr.flush()
    # Not sys.exit: a worker thread blocked in a write to a dead store must not hold the exit.
    os._exit(error.exit_code)


if __name__ == "__main__":
    main()
