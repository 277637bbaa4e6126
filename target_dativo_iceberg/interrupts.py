"""Signals during a run: at once, except while an epoch is published."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from target_dativo_iceberg.errors import DativoError, Interrupted, Stop


class Interrupts:
    """SIGTERM and SIGINT of a run: the first ends it after a publish under way, else at once; a second ends it now."""

    def __init__(self) -> None:
        self._signum: int | None = None
        self._postponing = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals, unless this is not the main thread: then the host program owns them.

        Raises:
            Interrupted: a signal came.

        """
        try:
            before = {s: signal.signal(s, self._arrived) for s in (signal.SIGTERM, signal.SIGINT)}
        except ValueError:
            yield
            return
        try:
            yield
        except Stop as stop:
            raise Interrupted(stop.signum) from None
        except DativoError:
            raise
        except Exception:
            # What was raised within a lock of Python's own library may come out as another error.
            if self._signum is None:
                raise
            raise Interrupted(self._signum) from None
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def postponed(self) -> Iterator[None]:
        """Let what is done within come to its end first.

        Raises:
            Interrupted: a signal came meanwhile, and nothing within failed.

        """
        self._postponing = True
        try:
            yield
        finally:
            self._postponing = False
        if self._signum is not None:
            raise Interrupted(self._signum)

    def check(self) -> None:
        """Raise for a signal that came where nothing can be raised: in a finalizer.

        Raises:
            Stop: there was one.

        """
        if self._signum is not None:
            raise Stop(self._signum)

    def _arrived(self, number: int, _frame: object) -> None:
        if self._signum is not None:
            os._exit(128 + number)
        self._signum = number
        if not self._postponing:
            raise Stop(number)
