"""Files of Google Drive: what is known of one, which ones a folder or a query gives, their bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import requests

from tap_adapters.common.errors import FileError, ServiceError
from tap_adapters.google.client import Client

SCOPE = "https://www.googleapis.com/auth/drive.readonly"
METADATA_SCOPE = "https://www.googleapis.com/auth/drive.metadata.readonly"
FOLDER = "application/vnd.google-apps.folder"
NATIVE = "application/vnd.google-apps."
FIELDS = "id,name,mimeType,size,md5Checksum,modifiedTime,trashed"
CHUNK = 2**20


class _File(msgspec.Struct, rename="camel"):
    id: str
    name: str
    mime_type: str
    modified_time: str
    size: str | None = None
    md5_checksum: str | None = None
    trashed: bool = False


@dataclass(frozen=True, slots=True)
class DriveFile:
    """What Drive says of a file; `modified` is the text of its RFC 3339 time, `size` in bytes."""

    id: str
    name: str
    mime_type: str
    modified: str
    size: int | None
    md5: str | None
    trashed: bool

    @property
    def label(self) -> str:
        """The name by which logs and errors speak of it."""
        return f"{self.name} ({self.id})"

    def is_of(self, entry: Any) -> bool:
        """Whether a bookmark is of this content; one that knows the time alone counts by the time."""
        if not isinstance(entry, dict) or not same_moment(entry.get("last_modified"), self.modified):
            return False
        return entry.get("md5") in {None, self.md5}


class Drive:
    """The Drive API v3 at its base URL."""

    def __init__(self, client: Client, url: str) -> None:
        self._client = client
        self._files = f"{url}/drive/v3/files"

    def file(self, file_id: str) -> DriveFile:
        """Return what Drive says of a file; FileError if there is none or it is not shared."""
        what = f"Drive file {file_id}"
        return _drive_file(self._client.json(f"{self._files}/{file_id}", _params(fields=FIELDS), what), what)

    def list(self, query: str, drive_id: str | None, what: str) -> Iterator[DriveFile]:
        """Yield the files that a query of Drive finds, page by page, without those in the bin."""
        shared = {"corpora": "drive", "driveId": drive_id} if drive_id else {}
        fields = f"nextPageToken,incompleteSearch,files({FIELDS})"
        params = _params(
            q=f"({query}) and trashed = false", fields=fields, pageSize="1000", includeItemsFromAllDrives="true"
        )
        token: str | None = None
        while True:
            page = self._client.json(self._files, params | shared | ({"pageToken": token} if token else {}), what)
            if page.get("incompleteSearch"):
                raise ServiceError(f"{what}: Drive did not search everything; set 'drive_id' to the shared drive.")
            for item in page.get("files") or []:
                yield _drive_file(item, what)
            token = page.get("nextPageToken")
            if not token:
                return

    def head(self, file: DriveFile, size: int) -> bytes:
        """Return the first bytes of a file."""
        if not file.size:
            return b""
        url = f"{self._files}/{file.id}"
        attempt = 0
        while True:
            with self._client.open(url, _params(alt="media"), file.label, _range(0, size - 1)) as response:
                try:
                    return next(response.iter_content(size), b"")
                except requests.RequestException:
                    self._client.pause(attempt, file.label, "the download broke off", None)
            attempt += 1

    def download(self, file: DriveFile, target: Path) -> None:
        """Write the bytes of a file, going on where a download broke off; FileError if they are not those promised."""
        with target.open("wb") as out:
            attempt = 0
            while (file.size or 0) > out.tell():
                before = out.tell()
                if self._append(file, out):
                    break
                attempt = 0 if out.tell() > before else attempt
                self._client.pause(attempt, file.label, "the download broke off", None)
                attempt += 1
        _verify(file, target)

    def _append(self, file: DriveFile, out: BinaryIO) -> bool:
        """Append what is left of a file, or all of it anew if the service sends all; whether the answer ended well."""
        start = out.tell()
        headers = {"Accept-Encoding": "identity"} | (_range(start) if start else {})
        url = f"{self._files}/{file.id}"
        with self._client.open(url, _params(alt="media"), file.label, headers) as response:
            if start and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                out.seek(0)
                out.truncate()
            try:
                for chunk in response.iter_content(CHUNK):
                    out.write(chunk)
            except requests.RequestException:
                return False
        return True


def same_moment(one: Any, other: str) -> bool:
    """Whether two texts are one moment, whatever their zone and fraction."""
    try:
        return datetime.fromisoformat(one) == datetime.fromisoformat(other)
    except (TypeError, ValueError):
        return False


def _drive_file(item: Mapping[str, Any], what: str) -> DriveFile:
    try:
        file = msgspec.convert(item, _File)
        size = None if file.size is None else int(file.size)
    except (msgspec.ValidationError, ValueError) as error:
        raise ServiceError(f"{what}: the answer of Drive lacks what it should hold.") from error
    return DriveFile(file.id, file.name, file.mime_type, file.modified_time, size, file.md5_checksum, file.trashed)


def _verify(file: DriveFile, path: Path) -> None:
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        size = os.fstat(content.fileno()).st_size
    if size != (file.size or 0) or file.md5 not in {None, digest}:
        raise FileError(f"{file.label}: it changed while it was downloaded, or the copy is damaged; run again.")


def _params(**params: str) -> dict[str, str]:
    return {"supportsAllDrives": "true", **params}


def _range(start: int, end: int | None = None) -> dict[str, str]:
    return {"Range": f"bytes={start}-{'' if end is None else end}", "Accept-Encoding": "identity"}
