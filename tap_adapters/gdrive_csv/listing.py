"""Which files of Drive an entry means."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tap_adapters.common.errors import FileError
from tap_adapters.csv.sources import SUFFIXES
from tap_adapters.gdrive_csv.settings import DriveEntity, Wanted
from tap_adapters.google.drive import FOLDER, NATIVE, Drive, DriveFile


@dataclass(frozen=True, slots=True)
class Found:
    """A file of Drive, and the entry that means it."""

    file: DriveFile
    wanted: Wanted


def find(entity: DriveEntity, drive: Drive, log: logging.Logger) -> list[Found]:
    """Return the files of an entity by name and id; FileError when an entry gives none.

    A file that two entries mean is read once, as the first of them says.
    """
    found: dict[str, Found] = {}
    for wanted in entity.wanted:
        files = list(_files(wanted, drive, log))
        if not files:
            raise FileError(
                f"Setting '{wanted.place}': it finds no CSV file; check the id or query, 'name_pattern', and that the "
                "files are shared with the service account."
            )
        for file in files:
            found.setdefault(file.id, Found(file, wanted))
    return sorted(found.values(), key=lambda item: (item.file.name, item.file.id))


def _files(wanted: Wanted, drive: Drive, log: logging.Logger) -> Iterator[DriveFile]:
    entry = wanted.entry
    if entry.file_id:
        yield _single(drive.file(entry.file_id))
        return
    listed = drive.list(entry.query, entry.drive_id, f"Setting '{wanted.place}.query'") if entry.query else None
    for file in listed or _in_folder(wanted, drive):
        if not _fits(file.name, entry.name_pattern) or file.mime_type == FOLDER:
            continue
        if file.mime_type.startswith(NATIVE):
            log.warning("%s is a document of Google's own kind, no CSV file; passed over.", file.label)
            continue
        yield file


def _in_folder(wanted: Wanted, drive: Drive) -> Iterator[DriveFile]:
    """Yield what a folder holds, of its sub-folders too if that is wanted; each folder once, however it is linked."""
    folders = [str(wanted.entry.folder_id)]
    seen = set(folders)
    while folders:
        folder = folders.pop()
        for file in drive.list(f"'{folder}' in parents", wanted.entry.drive_id, f"Drive folder {folder}"):
            if file.mime_type == FOLDER and wanted.entry.recursive and file.id not in seen:
                seen.add(file.id)
                folders.append(file.id)
            yield file


def _single(file: DriveFile) -> DriveFile:
    if file.mime_type.startswith(NATIVE):
        raise FileError(f"{file.label}: it is a document of Google's own kind, no CSV file; use tap-google-sheets.")
    if file.trashed:
        raise FileError(f"{file.label}: it is in the bin; restore it, or take it out of the setting 'files'.")
    return file


def _fits(name: str, pattern: str | None) -> bool:
    if pattern is None:
        return name.lower().endswith(SUFFIXES)
    return fnmatchcase(name.lower(), pattern.lower())
