"""Which files on disk a `path` setting means."""

from __future__ import annotations

from pathlib import Path

from tap_adapters.common.errors import FileError


def find(path: str, entity: str, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files that a `path` setting means, in the order of their names; FileError when there is none.

    A folder means its files that end in one of `suffixes` (lower case), at any depth; names that begin with a dot are
    passed over. A path or glob means the files it names, whatever they end in.
    """
    target = Path(path)
    try:
        found = _matches(target, suffixes)
    except OSError as error:
        raise FileError(f"Entity '{entity}': cannot look up '{path}': {error.strerror}.") from error
    if not found:
        raise FileError(f"Entity '{entity}': {_why_nothing(target, suffixes)}; check its setting 'path'.")
    return sorted(found)


def _matches(target: Path, suffixes: tuple[str, ...]) -> list[Path]:
    if target.is_dir():
        return [file for file in target.rglob("*") if _counts(file, target, suffixes)]
    if target.exists():
        return [target] if target.is_file() else []
    if not set("*?[") & set(str(target)):
        return []
    pattern = target.relative_to(target.anchor) if target.anchor else target
    return [file for file in Path(target.anchor).glob(str(pattern)) if file.is_file()]


def _counts(file: Path, folder: Path, suffixes: tuple[str, ...]) -> bool:
    hidden = any(name.startswith(".") for name in file.relative_to(folder).parts)
    return not hidden and file.name.lower().endswith(suffixes) and file.is_file()


def _why_nothing(target: Path, suffixes: tuple[str, ...]) -> str:
    if target.is_dir():
        return f"folder '{target}' holds no file that ends in {', '.join(suffixes)}"
    if target.exists():
        return f"'{target}' is not a regular file"
    if set("*?[") & set(str(target)):
        return f"no file matches '{target}'"
    return f"file '{target}' does not exist"
