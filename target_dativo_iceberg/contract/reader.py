"""Files and folders → contracts."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from target_dativo_iceberg.contract.compiling.contracts import Compiled, compile_contracts
from target_dativo_iceberg.contract.model import Contract, ContractSet
from target_dativo_iceberg.contract.reading.document import Block, Place, nearest
from target_dativo_iceberg.contract.reading.normalise import Canonical, normalise
from target_dativo_iceberg.contract.reading.yaml_text import MAX_BYTES, parse
from target_dativo_iceberg.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_FOLDED = str.maketrans("-.", "__")


@dataclass(frozen=True, slots=True)
class Read:
    """One document in all its forms: as written, canonical, compiled."""

    raw: Block
    canonical: Canonical
    compiled: Compiled


def load(path: str | Path, environ: Mapping[str, str] | None = None) -> ContractSet:
    """Return the contracts of a file, or of all YAML and JSON files in a folder and below.

    Args:
        path: file or folder.
        environ: values of `${VAR}` references; the process's environment if not given.

    Raises:
        ContractError: nothing is there, a document cannot be read or enforced, or two objects answer to the
            same stream.

    """
    root = Path(path)
    documents, notes = [], []
    for file in files(root):
        raw, sha256 = _parsed(file)
        if root.is_dir() and raw.get("kind") not in (None, "DataContract"):
            notes.append(Place(raw, str(file)).note("not a data contract; the file is left out", "kind", "info"))
        else:
            documents.append(_compiled(raw, str(file), sha256, environ))
    _refuse_clashes(documents)
    contracts = tuple(contract for document in documents for contract in document.compiled.contracts)
    return ContractSet(contracts, (*notes, *(note for document in documents for note in document.compiled.notes)))


def read(file: Path, environ: Mapping[str, str] | None = None) -> Read:
    """Return one document, read, normalised and compiled."""
    raw, sha256 = _parsed(file)
    return _compiled(raw, str(file), sha256, environ)


def _parsed(file: Path) -> tuple[Block, str]:
    data = _bytes_of(file)
    return parse(data, str(file)), hashlib.sha256(data).hexdigest()


def _compiled(raw: Block, source: str, sha256: str, environ: Mapping[str, str] | None) -> Read:
    canonical = normalise(raw, source)
    return Read(raw, canonical, compile_contracts(canonical, sha256, os.environ if environ is None else environ))


def files(path: str | Path) -> tuple[Path, ...]:
    """Return the documents at a path: the file itself, or what a folder holds, sorted, hidden names left out."""
    root = Path(path)
    if root.is_file():
        return (root,)
    if not root.is_dir():
        raise ContractError(f"no contract at '{root}'", "give the path of a contract file or of a folder with some")
    found = sorted(file for file in root.rglob("*") if file.suffix.lower() in _SUFFIXES and file.is_file())
    shown = tuple(file for file in found if not any(p.startswith(".") for p in file.relative_to(root).parts))
    if not shown:
        raise ContractError(f"folder '{root}' holds no .yaml, .yml or .json file", "put a contract there")
    return shown


def choose(contracts: ContractSet, stream: str, mapping: Mapping[str, str]) -> Contract | None:
    """Return the contract of a stream, None if there is none.

    Args:
        contracts: what `load` returned.
        stream: name of the Singer stream.
        mapping: stream → name or physicalName of a schema object; it decides before names do.

    Raises:
        ContractError: the mapping names an object that is not there.

    """
    wanted = mapping.get(stream, stream)
    for contract in contracts.contracts:
        if fold(wanted) in _answers(contract):
            return contract
    if stream in mapping:
        known = [contract.name for contract in contracts.contracts]
        hint = nearest(wanted, known, f"use one of {', '.join(known)}")
        raise ContractError(f"contract_map gives stream '{stream}' an object that no contract has", hint)
    return None


def fold(name: str) -> str:
    """Return a name in the form in which streams and objects are compared: lower case, `-` and `.` as `_`."""
    return name.casefold().translate(_FOLDED)


def _answers(contract: Contract) -> set[str]:
    return {fold(name) for name in (contract.name, contract.physical_name) if name}


def _bytes_of(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise ContractError(f"'{file}' cannot be read ({error.strerror})", "check the path and its rights") from None


def _refuse_clashes(documents: list[Read]) -> None:
    taken: dict[str, str] = {}
    for contract, line in _located(documents):
        here = f"{contract.source}:{line}"
        for name in _answers(contract):
            if name in taken:
                message = f"{here}: object '{contract.name}' answers to the same stream as the one at {taken[name]}"
                raise ContractError(message, "rename one, or point contract_path to one of the two")
        taken |= dict.fromkeys(_answers(contract), here)


def _located(documents: list[Read]) -> Iterator[tuple[Contract, int]]:
    for document in documents:
        yield from zip(document.compiled.contracts, document.compiled.lines, strict=True)
