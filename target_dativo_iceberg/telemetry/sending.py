"""Work with services that may be down or hang, within a time limit, beside the run and never in its way."""

from __future__ import annotations

import threading
from collections.abc import Callable

LIMIT_SECONDS = 2.0


def within(seconds: float, name: str, work: Callable[[], None]) -> str:
    """Do work on a thread of its own and wait for its end, but no longer than so many seconds.

    Args:
        seconds: time limit.
        name: of the thread.
        work: is left to itself when it takes longer; the process can end while it still runs.

    Returns:
        What went wrong, for people, or nothing.

    """
    wrong = [f"no answer within {seconds:g} s"]

    def done() -> None:
        try:
            work()
        except Exception as error:  # whatever it is, the run must not feel it
            wrong[0] = type(error).__name__
        else:
            wrong.clear()

    thread = threading.Thread(target=done, name=name, daemon=True)
    thread.start()
    thread.join(seconds)
    return wrong[0] if wrong else ""
