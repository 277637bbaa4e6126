"""Access to Google's services: the account, its token, quotas and refusals; as the taps' commands show them."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tap_adapters.common.errors import ServiceError, SettingsError
from tap_adapters.google.client import Client, pause_seconds
from tap_adapters.google.drive import METADATA_SCOPE, Drive
from tap_adapters.google.settings import read_access
from tests.google.documents import SPREADSHEET, Doc, Sheet
from tests.google.server import EMAIL, Fault, Google
from tests.taps.running import run_command

LOG = logging.getLogger("tests.google")
DRIVE_FILE = r"/drive/v3/files/f1"


def _drive(google: Google, **settings: Any) -> Drive:
    access = read_access(google.settings(**settings))
    return Drive(Client(access, (METADATA_SCOPE,), LOG), access.drive_url)


@pytest.fixture
def file(google: Google) -> Doc:
    doc = Doc("f1", "a.csv", b"id\n1\n")
    google.add(doc)
    return doc


def test_a_signed_grant_gives_the_token_of_all_requests(google: Google, file: Doc) -> None:
    drive = _drive(google, subject="boss@example.com")
    assert [drive.file("f1").name for _ in range(3)] == ["a.csv"] * 3
    (claims,) = google.claims
    assert (claims["iss"], claims["sub"], claims["scope"]) == (EMAIL, "boss@example.com", METADATA_SCOPE)


def test_a_token_that_is_refused_is_renewed_once(google: Google, file: Doc) -> None:
    drive = _drive(google)
    drive.file("f1")
    google.valid_tokens.clear()
    assert drive.file("f1").name == "a.csv"
    assert len(google.claims) == 2
    google.faults = [Fault(DRIVE_FILE, 401, "authError", times=9)]
    with pytest.raises(
        ServiceError, match=r"Drive file f1: the token of .* 'credentials_json' is not accepted \(401\)"
    ):
        drive.file("f1")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(DRIVE_FILE, 429, "rateLimitExceeded", times=3, headers={"Retry-After": "0"}),
        Fault(DRIVE_FILE, 403, "userRateLimitExceeded", times=3),
        Fault(DRIVE_FILE, 429, "RESOURCE_EXHAUSTED", times=2, form="status"),
        Fault(DRIVE_FILE, 503, times=3),
        Fault(DRIVE_FILE, 500, times=1),
        Fault("/token", 503, times=1),
    ],
    ids=lambda fault: f"{fault.status}-{fault.reason}{fault.path[:6]}",
)
def test_quota_errors_and_troubles_of_the_service_are_waited_out(google: Google, file: Doc, fault: Fault) -> None:
    google.faults = [fault]
    assert _drive(google).file("f1").name == "a.csv"
    assert fault.times == 0


def test_a_quota_that_stays_used_up_ends_the_run(google: Google, file: Doc) -> None:
    google.faults = [Fault(DRIVE_FILE, 429, "rateLimitExceeded", times=99)]
    with pytest.raises(ServiceError, match=r"Drive file f1: no answer after 4 tries \(status 429\); run again later"):
        _drive(google).file("f1")


REFUSALS = {
    "disabled": (Fault(DRIVE_FILE, 403, "accessNotConfigured"), "the API is not enabled in the project"),
    "daily": (Fault(DRIVE_FILE, 403, "dailyLimitExceeded"), "the quota of the day is used up"),
    "bad": (Fault(DRIVE_FILE, 400, "badRequest"), "the request was refused with status 400"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_are_not_tried_again(google: Google, file: Doc, case: str) -> None:
    fault, expected = REFUSALS[case]
    google.faults = [fault]
    with pytest.raises(ServiceError, match=expected) as caught:
        _drive(google).file("f1")
    assert "canary" not in str(caught.value)


def test_a_server_that_is_not_there_is_an_error(google: Google, file: Doc) -> None:
    drive = _drive(google, drive_url="http://127.0.0.1:1")
    with pytest.raises(ServiceError, match=r"no answer after 4 tries \(the connection failed\)"):
        drive.file("f1")


def test_a_netrc_does_not_replace_the_token(google: Google, file: Doc, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password other\n")
    assert _drive(google).file("f1").name == "a.csv"


def test_pauses_double_with_jitter_and_heed_what_is_asked() -> None:
    for attempt, longest in ((0, 1.0), (1, 2.0), (5, 32.0), (6, 64.0), (1000, 64.0)):
        assert longest / 2 <= pause_seconds(attempt, None, 1.0, 64.0) <= longest
    assert pause_seconds(0, "7", 1.0, 64.0) == 7.0
    assert pause_seconds(0, "99999", 1.0, 64.0) == 600.0
    assert pause_seconds(0, "soon", 1.0, 64.0) <= 1.0
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    assert 30 < pause_seconds(0, moment, 1.0, 64.0) <= 40


BAD_ACCOUNTS: dict[str, tuple[dict[str, Any], str]] = {
    "neither": ({"credentials_json": None}, "Set 'credentials_json' or 'credentials_path', one of the two"),
    "both": ({"credentials_path": "x.json"}, "Set 'credentials_json' or 'credentials_path', one of the two"),
    "no json": ({"credentials_json": "hunter2"}, "Setting 'credentials_json' holds no JSON object"),
    "lacking": ({"credentials_json": '{"private_key": "hunter2"}'}, "it lacks client_email, token_uri"),
    "absent": ({"credentials_json": None, "credentials_path": "none.json"}, "'credentials_path': cannot read the file"),
    "url": ({"token_url": "http://localhost.example.com/hunter2"}, "'token_url' must be an https:// URL"),
    "timeout": ({"request_timeout_seconds": 0}, "'request_timeout_seconds' must be 1 or more"),
    "kind": ({"max_retries": "many"}, "'max_retries': expected `int`"),
}


@pytest.mark.parametrize("case", BAD_ACCOUNTS)
def test_unusable_access_settings_are_errors_that_name_the_setting(google: Google, case: str) -> None:
    changes, expected = BAD_ACCOUNTS[case]
    with pytest.raises(SettingsError) as caught:
        read_access(google.settings(**changes))
    assert expected in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_without_the_extra_the_error_says_what_to_install(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.oauth2.service_account", None)
    with pytest.raises(SettingsError, match=r"install 'target-dativo-iceberg\[google\]'"):
        _drive(google)


def test_other_kinds_of_accounts_and_broken_keys_are_refused(google: Google) -> None:
    with pytest.raises(SettingsError, match="its type is another"):
        read_access(google.settings(credentials_json=google.account(type="authorized_user")))
    with pytest.raises(SettingsError, match="Setting 'credentials_json': its private_key cannot be read"):
        _drive(google, credentials_json=google.account(private_key="hunter2"))


def test_an_account_that_the_service_does_not_know_is_an_error_that_names_the_setting(
    google: Google, tmp_path: Path
) -> None:
    (tmp_path / "account.json").write_text(google.account(client_email="other@example.com"))
    settings = google.settings(credentials_json=None, credentials_path="account.json")
    settings["files"] = [{"entity": "rows", "file_id": "f1"}]
    done = run_command("tap_adapters.gdrive_csv", tmp_path, options={"config": settings})
    assert (done.code, done.out, len(done.errors)) == (1, b"", 1)
    assert "The service account of 'credentials_path' was refused (invalid_grant)" in done.errors[0]


def test_the_commands_read_settings_from_the_environment(
    google: Google, file: Doc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.add(Doc("book", "Book", mime=SPREADSHEET, sheets=[Sheet("S", [["id"], [5]])]))
    own = {"sheets": [{"spreadsheet_id": "book", "object": "s"}], "sheets_url": google.url}
    for name, value in (google.settings() | own).items():
        monkeypatch.setenv(f"TAP_GOOGLE_SHEETS_{name.upper()}", value if isinstance(value, str) else json.dumps(value))
    done = run_command("tap_adapters.google_sheets", tmp_path, "--config=ENV")
    assert (done.code, done.messages.records()) == (0, [{"id": "5"}])
    assert "PRIVATE KEY" not in done.log
