"""The trace that a run belongs to, in W3C's form: taken from `TRACEPARENT`, and handed on in it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

VARIABLE = "TRACEPARENT"
_FORM = re.compile(r"00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Parent:
    """The span that something happens in.

    Attributes:
        trace: id of the trace, 32 hex digits.
        span: id of the span, 16 hex digits.
        flags: of the trace; `01`: it is recorded.

    """

    trace: str
    span: str
    flags: str = "01"

    def __str__(self) -> str:
        """As `TRACEPARENT` holds it."""
        return f"00-{self.trace}-{self.span}-{self.flags}"

    def child(self) -> Parent:
        """Return a new span in the same trace."""
        return Parent(self.trace, secrets.token_hex(8), self.flags)


def taken(environment: Mapping[str, str]) -> Parent | None:
    """Return the parent that the environment names; one that is not well formed is none, as W3C wants it."""
    found = _FORM.fullmatch(environment.get(VARIABLE, "").strip())
    if found is None or not int(found["trace"], 16) or not int(found["span"], 16):
        return None
    return Parent(found["trace"], found["span"], found["flags"])


def begun(environment: Mapping[str, str]) -> Parent:
    """Return a new span: in the trace that the environment names, else in a new one."""
    parent = taken(environment)
    return parent.child() if parent else Parent(secrets.token_hex(16), secrets.token_hex(8))
