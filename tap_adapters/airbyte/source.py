"""A source as its commands: run one, read its messages, tell its log, and judge how it ended."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from tap_adapters.airbyte import protocol as p
from tap_adapters.airbyte.errors import AlreadyTold, SourceFailed
from tap_adapters.airbyte.folder import replace_private, write_private
from tap_adapters.airbyte.process import SourceProcess
from tap_adapters.airbyte.redact import Redactor
from tap_adapters.airbyte.settings import Settings, find_executable
from tap_adapters.common.errors import SettingsError, TapError

_LEVELS = {
    "FATAL": logging.ERROR,
    "ERROR": logging.ERROR,
    "WARN": logging.WARNING,
    "INFO": logging.INFO,
}
_TORN = re.compile(rb'\s*\{\s*"(type|record|state)"')
"""How a message begins; a line like that which is no JSON is a message that was lost, not a line of a log."""
_LACKING = "The source sent a {} message without what the protocol wants in it."
_INCOMPLETE = "INCOMPLETE"
_CONFIG = "config.json"

T = TypeVar("T")


class Source:
    """The Airbyte source of the settings, its files in a private folder."""

    def __init__(self, settings: Settings, folder: Path, logger: logging.Logger, watched: int | None) -> None:
        """Find the executable and write its configuration; `watched` is our output, whose reader may go away."""
        self._settings = settings
        self._executable = find_executable(settings)
        self._folder = folder
        self._logger = logger
        self._watched = watched
        self._config: Mapping[str, Any] = settings.config
        self._redactor = Redactor(settings.config)
        write_private(folder / _CONFIG, msgspec.json.encode(settings.config))
        self._reset()

    def _reset(self) -> None:
        self._failures = 0
        self._incomplete: dict[p.Descriptor, bool] = {}
        self._strange_lines = 0

    def discover(self) -> list[dict[str, Any]]:
        """Return the source's streams; SourceFailed if it tells none."""
        found = [_decoded(m.catalog, p.Catalog, m.type) for m in self._all("discover") if m.type == p.CATALOG]
        if not found:
            raise SourceFailed("The source ended its discovery without a CATALOG; is it an Airbyte source?")
        return found[-1].streams

    def check(self) -> None:
        """Have the source try its configuration; SourceFailed if it cannot connect."""
        verdicts = [m for m in self._all("check") if m.type == p.CONNECTION_STATUS]
        if not verdicts:
            raise SourceFailed("The source ended its check without a CONNECTION_STATUS; is it an Airbyte source?")
        status = _decoded(verdicts[-1].connection_status, p.ConnectionStatus, p.CONNECTION_STATUS)
        if status.status != "SUCCEEDED":
            raise SourceFailed(f"The source cannot connect: {self._redactor.line(status.message)}")

    def read(self, catalog: bytes, state: bytes | None) -> Generator[list[p.Message]]:
        """Yield the records and states of a read in their order, many at once as they come."""
        arguments = ["--catalog", str(write_private(self._folder / "catalog.json", catalog))]
        if state is not None:
            arguments += ["--state", str(write_private(self._folder / "state.json", state))]
        return self._run("read", *arguments)

    def _all(self, command: str) -> list[p.Message]:
        return [message for messages in self._run(command) for message in messages]

    def _run(self, command: str, *arguments: str) -> Generator[list[p.Message]]:
        self._reset()
        words = [self._executable, command, "--config", str(self._folder / _CONFIG), *arguments]
        process = SourceProcess(words)
        try:
            for lines in process.lines(self._watched):
                yield from self._understood(lines)
            if process.code == 0 and process.tail:
                yield from self._understood([process.tail])
            self._judge(process)
        finally:
            process.end()

    def _understood(self, lines: list[bytes]) -> Iterator[list[p.Message]]:
        """Yield what of these lines the caller is to see, also when a later line ends the run."""
        messages: list[p.Message] = []
        try:
            for line in lines:
                self._understand(line, messages)
        except TapError:
            yield messages
            raise
        yield messages

    def _understand(self, line: bytes, messages: list[p.Message]) -> None:
        """Add the message of a line to the others; what the source says of itself is dealt with here."""
        try:
            message = p.decode_message(line)
        except msgspec.DecodeError:
            self._not_a_message(line)
            return
        if message.type == p.RECORD:
            if message.record is None:
                raise SourceFailed(_LACKING.format(p.RECORD))
            messages.append(message)
        elif message.type == p.LOG:
            self._log(message.log)
        elif message.type == p.TRACE:
            self._trace(message.trace)
        elif message.type == p.CONTROL:
            self._control(message.control)
        else:
            messages.append(message)

    def _not_a_message(self, line: bytes) -> None:
        """Leave out what a library prints; refuse what must have been a message, or rows would be lost unseen."""
        try:
            kind = p.decode_type(line).type
        except (msgspec.DecodeError, UnicodeDecodeError):
            if _TORN.match(line):
                raise SourceFailed("The source sent a message that is no valid JSON; what it held is lost.") from None
            self._strange_lines += bool(line.strip())
            return
        if kind in p.KNOWN:
            raise SourceFailed(_LACKING.format(kind))

    # ---- what the source says of itself ----

    def _log(self, raw: Raw) -> None:
        log = _decoded(raw, p.Log, p.LOG)
        level = _LEVELS.get(log.level.upper(), logging.DEBUG)
        self._logger.log(level, "%s: %s", self._name, self._redactor.line(_first_words(log.message)))

    def _trace(self, raw: Raw) -> None:
        trace = _decoded(raw, p.Trace, p.TRACE)
        if trace.type == "ERROR":
            self._failures += 1
            error = trace.error or p.TraceError()
            about = [error.failure_type or "system_error"]
            if error.stream_descriptor:
                about.append(f"stream '{error.stream_descriptor.name}'")
            what = self._redactor.line(_first_words(error.message)) or "it gives no reason"
            self._logger.error("%s failed (%s): %s", self._name, ", ".join(about), what)
        elif trace.type == "STREAM_STATUS" and trace.stream_status:
            status = trace.stream_status
            self._incomplete[status.stream_descriptor] = status.status.upper() == _INCOMPLETE

    def _control(self, raw: Raw) -> None:
        """Keep a new configuration (a token that was exchanged for another) where the next run will find it."""
        update = _decoded(raw, p.Control, p.CONTROL).connector_config
        if update is None:
            return
        changed = ", ".join(sorted(_changes(self._config, update.config)))
        self._redactor.add(update.config)
        self._config = update.config
        if not changed:
            return
        path = self._settings.config_file
        if path is None:
            self._refuse_update(changed)
            return
        try:
            replace_private(path, msgspec.json.format(msgspec.json.encode(update.config)))
        except OSError as error:
            raise SettingsError(
                f"Setting 'config_file': the source has changed {changed} of its configuration, and '{path}' cannot "
                f"be written: {error.strerror}."
            ) from error
        self._logger.info("The source has changed %s of its configuration; '%s' holds it now.", changed, path)

    def _refuse_update(self, changed: str) -> None:
        what = f"The source has changed {changed} of its configuration, which the setting 'config' cannot keep"
        if not self._settings.ignore_config_updates:
            raise SettingsError(f"{what}; use 'config_file', which can, or set 'on_config_update' to ignore.")
        self._logger.warning("%s; the next run begins with the old one.", what)

    def _judge(self, process: SourceProcess) -> None:
        """Raise if the run was no success; a source that ends well but says that it failed has failed."""
        if self._strange_lines or process.noise:
            count = self._strange_lines + process.noise
            self._logger.info("%s wrote %d lines that are no messages; they are not shown.", self._name, count)
        if self._failures:
            raise AlreadyTold
        if process.code:
            how = f"was ended by signal {-process.code}" if process.code < 0 else f"ended with exit code {process.code}"
            why = f" ({process.exception})" if process.exception else ""
            raise SourceFailed(f"{self._name} {how}{why}; what it had sent up to its last STATE is good.")
        left = sorted(p.name for p, incomplete in self._incomplete.items() if incomplete)
        if left:
            raise SourceFailed(f"{self._name} calls these streams incomplete: {', '.join(left)}.")

    @property
    def _name(self) -> str:
        return Path(self._executable).name


def _decoded(raw: Raw, kind: type[T], name: str) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SourceFailed(f"The source sent a {name} message that is not of the protocol.") from error


def _first_words(text: str) -> str:
    """The first line of a text; of a traceback the last, since the others are code."""
    lines = [line for line in text.splitlines() if line.strip()] or [""]
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]


def _changes(old: Any, new: Any, path: str = "") -> set[str]:
    """The paths at which two configurations differ."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return set() if old == new else {path}
    changed = set()
    for name in {*old, *new}:
        changed |= _changes(old.get(name), new.get(name), f"{path}.{name}" if path else str(name))
    return changed
