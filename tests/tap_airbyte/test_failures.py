"""What goes wrong ends the run with a code, one line of reason, and never a value."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from tests.tap_airbyte.conftest import USERS, Bridge, at, row, trace

SECRET = "hunter2-canary"
ROW_CANARY = "row-canary-4711"


def _log(level: str, message: str) -> dict[str, Any]:
    return {"say": {"type": "LOG", "log": {"level": level, "message": message}}}


def _status(status: str) -> dict[str, Any]:
    told = {"stream_descriptor": {"name": "users"}, "status": status}
    return {"say": {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": told}}}


def _control(config: dict[str, Any]) -> dict[str, Any]:
    told = {"type": "CONNECTOR_CONFIG", "emitted_at": 1, "connectorConfig": {"config": config}}
    return {"say": {"type": "CONTROL", "control": told}}


ENDINGS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "trace": ([trace("No access.", failure_type="config_error")], "source-speaker failed (config_error): No access."),
    "trace, then code 0": ([trace("Odd.\nMore."), {"exit": 0}], "source-speaker failed (system_error): Odd."),
    "trace of a stream": (
        [trace("Late.", failure_type="transient_error", stream_descriptor={"name": "users"}), {"exit": 1}],
        "source-speaker failed (transient_error, stream 'users'): Late.",
    ),
    "code": ([{"exit": 3}], "source-speaker ended with exit code 3; what it had sent up to its last STATE is good."),
    "exception": (
        [{"err": f"Traceback (most recent call last):\n  f({SECRET})\nlib.errors.OddError: {SECRET}\n"}, {"exit": 1}],
        "source-speaker ended with exit code 1 (OddError); what it had sent up to its last STATE is good.",
    ),
    "killed": (
        [{"die": signal.SIGKILL}],
        "source-speaker was ended by signal 9; what it had sent up to its last STATE is good.",
    ),
    "half a message, killed": (
        [{"raw": '{"type":"RECORD","record":{"stream":"users","da'}, {"die": signal.SIGKILL}],
        "source-speaker was ended by signal 9; what it had sent up to its last STATE is good.",
    ),
    "half a message": (
        [{"raw": '{"type":"RECORD","record":{"stream":"users","data":{"id":7'}],
        "The source sent a message that is no valid JSON; what it held is lost.",
    ),
    "torn": (
        [{"raw": '{"type":"RECORD","record":{"str{"type":"RECORD"}\n'}, {"sleep": 600}],
        "The source sent a message that is no valid JSON; what it held is lost.",
    ),
    "no data": (
        [{"say": {"type": "RECORD", "record": {"stream": "users"}}}, {"sleep": 600}],
        "The source sent a RECORD message without what the protocol wants in it.",
    ),
    "no record": (
        [{"say": {"type": "RECORD"}}],
        "The source sent a RECORD message without what the protocol wants in it.",
    ),
    "no state": (
        [{"say": {"type": "STATE", "state": {"type": "STREAM", "stream": [SECRET]}}}],
        "The source sent a STATE that is not of the protocol; what was sent before it is good.",
    ),
    "incomplete": (
        [_status("STARTED"), _status("INCOMPLETE")],
        "source-speaker calls these streams incomplete: users.",
    ),
}


@pytest.mark.parametrize("case", ENDINGS)
def test_a_source_that_ends_badly_is_a_failed_run_with_the_states_it_told(bridge: Bridge, case: str) -> None:
    steps, expected = ENDINGS[case]
    done = bridge.run(bridge.config(row(1), at({"c": 1}), row(2), *steps, secrets={"password": SECRET}))
    assert (done.code, done.errors) == (1, [expected])
    assert done.kinds == "SCSCRESTRE"
    assert SECRET not in done.log


def test_a_stream_that_was_incomplete_and_is_complete_after_all_is_fine(bridge: Bridge) -> None:
    assert bridge.run(bridge.config(_status("INCOMPLETE"), _status("COMPLETE"))).code == 0


def test_one_stream_may_fail_and_the_rows_of_the_others_still_come(bridge: Bridge) -> None:
    done = bridge.run(bridge.config(trace("Gone."), row(1, "plans"), {"exit": 1}))
    assert (done.code, done.records("plans")) == (1, [{"id": 1}])


def test_levels_of_the_source_s_log_are_kept_and_values_of_its_configuration_are_not(bridge: Bridge) -> None:
    url = {
        "url": "https://user:p%40ss@host/x?y=1",
        "key": "-----BEGIN KEY-----\nMIIabcdef\n-----END KEY-----\n",
        "id": 7654321,
    }
    secrets = {"password": SECRET, "nested": {"list": [url]}, "json": json.dumps({"private": "in-json-canary"})}
    said = [SECRET, f"a{SECRET}b", "in-json-canary", "MIIabcdef", "7654321", json.dumps(url["key"]), url["url"]]
    said += ["aHVudGVyMi1jYW5hcnk", "https%3A%2F%2Fuser%3Ap%2540ss%40host%2Fx%3Fy%3D1"]
    levels = ("FATAL", "ERROR", "WARN", "INFO", "DEBUG")
    done = bridge.run(
        bridge.config(*[_log(level, f"{level}-word {' and '.join(said)}") for level in levels], secrets=secrets)
    )
    shown = {line.split("|")[1].strip(): line for line in done.log.splitlines() if "-word" in line}
    assert set(shown) == {"ERROR", "WARNING", "INFO"}
    assert done.log.count("-word") == 4
    assert shown["INFO"].endswith(
        'source-speaker: INFO-word *** and a***b and *** and *** and *** and "***" and *** and *** and ***'
    )


def test_of_a_traceback_in_the_log_only_the_reason_is_shown(bridge: Bridge) -> None:
    done = bridge.run(
        bridge.config(_log("ERROR", f"Traceback (most recent call last):\n  {ROW_CANARY}\nOddError: it broke"))
    )
    assert done.errors == ["source-speaker: OddError: it broke"]


def _updated(bridge: Bridge, **settings: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings whose source exchanges its token, and its new configuration."""
    config = bridge.config(secrets={"oauth": {"token": SECRET, "id": "x"}}, **settings)
    new = config["config"] | {"oauth": {"token": "fresh-canary", "id": "x"}}
    script = json.loads((bridge.folder / "script.json").read_text())
    script["read"] = [row(1), _control(new), _log("INFO", f"now fresh-canary for {SECRET}"), row(2)]
    (bridge.folder / "script.json").write_text(json.dumps(script))
    return config, new


def test_a_configuration_update_that_cannot_be_kept_ends_the_run_and_names_no_value(bridge: Bridge) -> None:
    config, _ = _updated(bridge)
    done = bridge.run(config)
    assert done.code == 1
    assert done.errors == [
        "The source has changed oauth.token of its configuration, which the setting 'config' cannot keep; use "
        "'config_file', which can, or set 'on_config_update' to ignore."
    ]
    assert "canary" not in done.log + done.out


def test_a_configuration_update_may_be_ignored(bridge: Bridge) -> None:
    config, _ = _updated(bridge, on_config_update="ignore")
    done = bridge.run(config)
    assert (done.code, done.records()) == (0, [{"id": 1}, {"id": 2}])
    assert "WARNING" in done.log
    assert "canary" not in done.log


def test_a_configuration_file_keeps_the_update_for_the_next_run(bridge: Bridge) -> None:
    config, new = _updated(bridge)
    path = bridge.folder / "source.json"
    path.write_text(json.dumps(config.pop("config")))
    path.chmod(0o644)
    done = bridge.run(config | {"config_file": str(path)})
    assert (done.code, done.records()) == (0, [{"id": 1}, {"id": 2}])
    assert json.loads(path.read_text()) == new
    assert path.stat().st_mode & 0o777 == 0o600
    assert "canary" not in done.log
    assert sorted(p.name for p in bridge.folder.glob("*source.json*")) == ["source.json"]


def test_a_configuration_that_is_told_again_unchanged_is_no_update(bridge: Bridge) -> None:
    config = bridge.config()
    script = json.loads((bridge.folder / "script.json").read_text())
    script["read"] = [_control(config["config"]), row(1)]
    (bridge.folder / "script.json").write_text(json.dumps(script))
    assert bridge.run(config).code == 0


BAD_SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": (
        {"source": None},
        "No source to run: set 'source' to its executable, such as source-faker, or 'package'.",
    ),
    "missing": (
        {"source": "source-none", "package": "airbyte-source-none>=1"},
        "Setting 'source': there is no executable 'source-none'; install it into a venv of its own, as `pipx install "
        "airbyte-source-none>=1` does, or give its path.",
    ),
    "by package": ({"source": None, "package": "Airbyte_Source.None[x]==1"}, "no executable 'source-none'"),
    "odd package": ({"source": None, "package": "git+https://x/y"}, "Setting 'package' is no plain pip requirement"),
    "typo": ({"streems": {}}, "Setting 'streems' is not known; did you mean 'streams'?"),
    "config": ({"config": SECRET}, "Setting 'config': expected `object | null`, got `str`."),
    "two": ({"config_file": "x.json"}, "Settings 'config' and 'config_file' exclude each other; unset one."),
    "file": ({"config": None, "config_file": "/none.json"}, "Setting 'config_file': cannot read '/none.json': No such"),
    "policy": ({"on_config_update": SECRET}, "Setting 'on_config_update' must be one of fail, ignore."),
    "mode": (
        {"streams": {"users": {"sync_mode": "cdc"}}},
        "'streams.users.sync_mode' must be one of incremental, full",
    ),
    "member": ({"streams": {"users": {"mode": "x"}}}, "Setting 'streams.users.mode' is not known; did"),
    "stream": ({"streams": {"user": {}}}, "Setting 'streams.user' is not known; did you mean 'users'?"),
    "cannot": (
        {"streams": {"plans": {"sync_mode": "incremental"}}},
        "Stream 'plans' cannot be read as incremental: the source has full_refresh.",
    ),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_bad_settings_end_discovery_with_one_line(bridge: Bridge, case: str) -> None:
    settings, expected = BAD_SETTINGS[case]
    config = {name: value for name, value in (bridge.config() | settings).items() if value is not None}
    done = bridge.run(config, "--discover")
    assert (done.code, done.out, len(done.errors)) == (1, "", 1)
    assert expected in done.errors[0]
    assert SECRET not in done.log


def test_a_cursor_must_be_named_where_the_source_has_none(bridge: Bridge) -> None:
    free = USERS | {"source_defined_cursor": False, "default_cursor_field": []}
    config = bridge.config(discovers=[free])
    catalog = bridge.catalog(config)
    top = catalog["streams"][0]["metadata"][0]["metadata"]
    top["replication-method"] = "INCREMENTAL"
    assert "Stream 'users' has no cursor of its own" in bridge.run(config, catalog=catalog).errors[0]
    top["replication-key"] = "name"
    done = bridge.run(config, catalog=catalog)
    assert (done.code, done.of("SCHEMA")[0]["bookmark_properties"]) == (0, ["name"])


@pytest.mark.parametrize(
    ("option", "content", "expected"),
    [
        ("config", "{", "is missing or is not a JSON object"),
        ("catalog", "{", "Option --catalog: its file cannot be used: not valid JSON."),
        ("catalog", '{"streams": [{}]}', "missing required field `tap_stream_id`"),
    ],
)
def test_an_unusable_option_file_ends_the_run_with_one_line(
    bridge: Bridge, option: str, content: str, expected: str
) -> None:
    done = bridge.run(**{"config": bridge.config(), option: content})
    assert (done.code, done.out, len(done.errors)) == (1, "", 1)
    assert expected in done.errors[0]


def test_a_program_that_is_no_airbyte_source_is_named_as_such(bridge: Bridge) -> None:
    done = bridge.run({"source": "true"}, "--discover")
    assert done.errors == ["The source ended its discovery without a CATALOG; is it an Airbyte source?"]
    plain = bridge.folder / "plain"
    plain.write_text("no program")
    plain.chmod(0o755)
    assert bridge.run({"source": str(plain)}, "--discover").errors == [f"'{plain}' cannot be run: Exec format error."]
