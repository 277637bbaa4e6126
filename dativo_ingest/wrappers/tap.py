"""Runs a tap, or a mapper, and says how it ended: `tap.py LOG STATE AFTER ENDED EXIT COMMAND…`.

STATE is handed to it if that file is there: Meltano, which keeps no STATE of ours, has none to give. EXIT receives its
exit code. ENDED is made when that is 0 and the file AFTER (unless it is "-") is there, while standard output is still
open: whoever sees the end of the output and no such file knows that something died. Anything but a run (`--discover` …)
is passed through.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
from dativo_ingest.wrappers import processes

_NO_RUN = {"--discover", "--about", "--version", "--help", "--test", "-d"}
_GRACE_SECONDS = 10


def main(log: str, state: str, after: str, ended: str, code_path: str, command: list[str]) -> int:
    """Run the tap."""
    processes.log_to(log)
    # Sign-ins of a collector, of a lineage server and of a cluster are not the tap's either.
    environment = processes.environment_without("TARGET_DATIVO_ICEBERG_", "OTEL_", "OPENLINEAGE_", "RAY_")
    processes.end_with_parent(signal.SIGTERM)
    if _NO_RUN & {word.partition("=")[0] for word in command[1:]}:
        os.execvpe(command[0], command, environment)  # noqa: S606 - no shell is what we want
    if os.path.exists(state):  # noqa: PTH110 - pathlib costs more than all the rest here
        command = [*command, "--state", state]
    child = subprocess.Popen(command, env=environment, preexec_fn=processes.tied)  # noqa: S603, PLW1509 - one thread
    processes.pass_on(child, _GRACE_SECONDS)
    code = processes.code_of(child.wait())
    processes.put(code_path, str(code))
    if code == 0 and (after == "-" or os.path.exists(after)):  # noqa: PTH110 - as above
        processes.put(ended, "")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5], sys.argv[6:]))
