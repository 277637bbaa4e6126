"""A Prometheus textfile, parsed as strictly as its format is."""

from __future__ import annotations

import re

Labels = frozenset[tuple[str, str]]
SAMPLE = re.compile(r'(\w+)\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\} (\S+)')


def samples(text: str) -> dict[tuple[str, Labels], float]:
    """Parse a textfile: every line is a comment of the metric that follows, or a sample of it."""
    found: dict[tuple[str, Labels], float] = {}
    current = ""
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, current, kind = line.split(" ")
            assert kind == "gauge"
        elif not line.startswith("# HELP dativo_run_"):
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert match[1] == current
            labels = frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2]))
            assert (current, labels) not in found
            found[current, labels] = float(match[3])
    return found
