"""Made-up messages, contracts, job files and names for as long as asked.

Usage: python -m tests.fuzz SECONDS, in the checkout (`make fuzz`). What fails is printed as small as it can be made.
"""

from __future__ import annotations

import itertools
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.rounds import KINDS, play
from tests.target.running import Server

_EXAMPLES = 40


def main(seconds: float) -> None:
    """Play rounds of every kind until the time is over, at least one of each."""
    begun, played, chance = time.monotonic(), Counter[str](), random.SystemRandom()
    server = Server()
    try:
        for kind in itertools.cycle(KINDS):
            if time.monotonic() - begun > seconds and len(played) == len(KINDS):
                break
            with tempfile.TemporaryDirectory() as folder:
                play(kind, server, Path(folder), _EXAMPLES, chance.getrandbits(64))
            played[kind] += _EXAMPLES
    finally:
        server.stop()
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(played.items()))
        print(f"{told}: {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]))
