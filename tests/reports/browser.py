"""A page in a browser that can reach nothing: what it asked for, what it said, and whether everybody can read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright

CHROMIUM = Path("/usr/bin/chromium")
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def start(playwright: Playwright) -> Browser:
    assert CHROMIUM.exists(), "Chromium is missing: `make test` installs it (Debian package chromium)"
    return playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)


@dataclass
class Opened:
    """A page that is open, and what happened meanwhile."""

    page: Page
    requests: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def violations(self) -> list[tuple[str, Any]]:
        """What the accessibility checker finds."""
        found = Axe().run(self.page).response["violations"]
        return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]

    def width(self) -> int:
        return int(self.page.evaluate("document.documentElement.scrollWidth"))


@contextmanager
def opened(
    browser: Browser, path: Path, scheme: Literal["light", "dark"] = "light", width: int = 1280
) -> Iterator[Opened]:
    """Open a file in a context without network."""
    context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": width, "height": 900})
    try:
        found = Opened(context.new_page())
        found.page.on("request", lambda request: found.requests.append(request.url))
        found.page.on("console", lambda message: found.said.append(message.text))
        found.page.on("pageerror", lambda error: found.said.append(str(error)))
        found.page.goto(path.as_uri())
        yield found
    finally:
        context.close()
