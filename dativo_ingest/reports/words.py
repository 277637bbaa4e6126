"""Numbers, times and states as people read them."""

from __future__ import annotations

_STATUS = {
    "success": ("good", "✓", "succeeded"),
    "partial": ("warn", "▲", "succeeded in part"),
    "failure": ("bad", "✕", "failed"),
    "running": ("warn", "…", "has not ended"),
}
_MINUTE, _HOUR = 60.0, 3600.0


def status_of(status: str) -> tuple[str, str, str]:
    """Return the class, the sign and the words of a run's status."""
    return _STATUS.get(status, ("warn", "?", status))


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with what is counted."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def duration(seconds: float) -> str:
    """Return a time span: `0.42 s`, `12 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def size(number: float) -> str:
    """Return bytes: `512 B`, `1.5 MB` (a thousand of one are one of the next)."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def share(part: int, whole: int) -> str:
    """Return a share in per cent; what is there is never shown as 0, nor what is not all as 100."""
    if not whole or not part:
        return "0 %"
    if part == whole:
        return "100 %"
    return f"{min(max(100 * part / whole, 0.01), 99.99):.2f} %"


def moment(text: str) -> str:
    """Return an ISO 8601 moment for people."""
    return text.replace("T", " ").replace("Z", " UTC")
