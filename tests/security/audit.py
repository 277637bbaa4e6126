"""Known weaknesses of what is pinned, by pip-audit.

Usage: python -m tests.security.audit, in the checkout (`make audit`).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

AWAY = (
    "ConnectionError", "ServiceError", "Max retries exceeded", "Name or service", "Connection refused", "Timeout",
    "NewConnectionError", "404 Client Error", "403 Client Error", "ProxyError",
)  # fmt: skip


def main() -> int:
    """Return 0 when nothing is known, 1 when something is, 3 when the service cannot be asked."""
    worst = 0
    for name in ("requirements/run.txt", "requirements/dev.txt", "requirements/meltano.txt"):
        command = [sys.executable, "-m", "pip_audit", "--progress-spinner=off", "--disable-pip", "--timeout=15"]
        done = subprocess.run([*command, "-r", name], text=True, capture_output=True, check=False)
        if done.returncode and any(word in done.stderr for word in AWAY):
            print(f"{name}: the advisory service cannot be reached; nothing was audited. Try again with a network.")
            return 3
        unknown = (done.stdout + done.stderr).count("could not be audited")
        if unknown:
            print(f"{name}: {unknown} packages are unknown to the advisory service; they were not audited.")
            worst = 3
            continue
        print(f"{name}: {(done.stdout + done.stderr).strip()}")
        worst = max(worst, done.returncode)
    return worst


if __name__ == "__main__":
    assert Path("pyproject.toml").exists(), "run it in the checkout"
    sys.exit(main())
