"""An Airbyte source that does what its script says: the protocol with all its edges, in a real process.

`discover`, `check` and `read` in the file that `config["script"]` names are lists of steps, as `Steps` has them.
Standard library only, and none of our modules: it runs as `python -IS speaker.py`.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


class Steps:
    """What a script can have done."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given

    def say(self, message: dict[str, Any]) -> None:
        self.raw(json.dumps(message) + "\n")

    def many(self, message: dict[str, Any]) -> None:
        """Say a message until the end of days."""
        block = (json.dumps(message) + "\n") * 1000
        while True:
            self.raw(block)

    def raw(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def err(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()

    def given(self, path: str) -> None:
        """Write what this process was given to a file, which is whole when it is there."""
        files = {name: Path(p) for name in ("config", "catalog", "state") if (p := getattr(self._given, name))}
        folder = files["config"].parent
        told = {
            "pid": os.getpid(),
            "group": os.getpgid(0),
            "arguments": Path("/proc/self/cmdline").read_text().split("\0"),
            "environment": dict(os.environ),
            "folder": str(folder),
            "modes": [oct(p.stat().st_mode & 0o777) for p in (folder, *files.values())],
            "files": {name: json.loads(p.read_text()) for name, p in files.items()},
        }
        part = Path(f"{path}.part")
        part.write_text(json.dumps(told))
        part.rename(path)

    def start(self, path: str) -> None:
        """Start a child that holds our output, and write its number to a file."""
        child = subprocess.Popen([sys.executable, "-IS", "-c", "import time; time.sleep(600)"])
        Path(path).write_text(str(child.pid))

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def exit(self, code: int) -> None:
        sys.exit(code)

    def die(self, number: int) -> None:
        os.kill(os.getpid(), number)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    for name in ("config", "catalog", "state"):
        parser.add_argument(f"--{name}")
    given = parser.parse_args()
    script = json.loads(Path(json.loads(Path(given.config).read_text())["script"]).read_text())
    steps = Steps(given)
    for step in script[given.command]:
        for kind, value in step.items():
            getattr(steps, kind)(value)


main()
