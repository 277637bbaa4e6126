"""Files, folders, and the contract of a stream."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from target_dativo_iceberg.contract import Contract, ContractSet, choose, load
from target_dativo_iceberg.errors import ContractError
from tests.contract_reading.conftest import ALL_CONTRACTS, CONTRACTS, odcs

COLUMN = "- {name: c, logicalType: string}"


def _write(folder: Path, name: str, stream: str, physical: str = "") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    table = f"physicalName: {physical}\n" if physical else ""
    path.write_text(odcs(COLUMN, table=table).replace("name: t", f"name: {stream}"))
    return path


def test_a_folder_is_read_recursively_in_order(tmp_path: Path) -> None:
    for name, stream in (("b/z.yml", "two"), ("a.yaml", "one"), ("c.JSON", "three")):
        _write(tmp_path, name, stream)
    (tmp_path / "c.JSON").write_text(
        '{"apiVersion": "v3.1.0", "schema": [{"name": "three", "properties": [{"name": "c", "logicalType": "date"}]}]}'
    )
    for ignored in ("notes.txt", ".hidden.yaml", ".git/x.yaml"):
        (tmp_path / ignored).parent.mkdir(exist_ok=True)
        (tmp_path / ignored).write_text("not: [a contract")
    assert [contract.name for contract in load(tmp_path).contracts] == ["one", "two", "three"]


def test_other_kinds_of_document_are_left_out_of_a_folder_with_a_note(tmp_path: Path) -> None:
    _write(tmp_path, "a.yaml", "one")
    (tmp_path / "product.yaml").write_text("kind: DataProduct\nname: p\n")
    loaded = load(tmp_path)
    assert len(loaded.contracts) == 1
    assert [note.line for note in loaded.notes if note.source.endswith("product.yaml")] == [1]
    with pytest.raises(ContractError, match="kind is 'DataProduct'"):
        load(tmp_path / "product.yaml")


def test_a_path_without_contracts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no contract at"):
        load(tmp_path / "missing")
    with pytest.raises(ContractError, match=r"holds no \.yaml"):
        load(tmp_path)
    with pytest.raises(ContractError, match="'/proc/self/mem' cannot be read"):
        load("/proc/self/mem")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("orders", ""), ("Orders", "")),
        (("orders", ""), ("o", "ORDERS")),
        (("a.b", ""), ("x", "a-b")),
        (("o", "t"), ("p", "t")),
    ],
)
def test_two_objects_that_answer_to_one_stream_are_refused(
    tmp_path: Path, first: tuple[str, str], second: tuple[str, str]
) -> None:
    _write(tmp_path, "a.yaml", *first)
    _write(tmp_path, "b.yaml", *second)
    with pytest.raises(ContractError) as raised:
        load(tmp_path)
    assert f"{tmp_path / 'b.yaml'}:7: object '{second[0]}' answers to the same stream" in str(raised.value)
    assert f"{tmp_path / 'a.yaml'}:7" in str(raised.value)


@pytest.fixture
def contracts(tmp_path: Path) -> ContractSet:
    _write(tmp_path, "a.yaml", "orders", "shop.orders_v2")
    _write(tmp_path, "b.yaml", "people")
    return load(tmp_path)


def _name(contract: Contract | None) -> str | None:
    return contract.name if contract else None


@pytest.mark.parametrize(
    ("stream", "mapping", "name"),
    [
        ("orders", {}, "orders"),
        ("Orders", {}, "orders"),
        ("shop.orders_v2", {}, "orders"),
        ("shop-orders-v2", {}, "orders"),
        ("SHOP_ORDERS_V2", {}, "orders"),
        ("visits", {}, None),
        ("visits", {"visits": "people"}, "people"),
        ("visits", {"visits": "shop.orders_v2"}, "orders"),
        ("orders", {"orders": "people"}, "people"),
        ("visits", {"orders": "people"}, None),
    ],
)
def test_a_stream_finds_its_contract(
    contracts: ContractSet, stream: str, mapping: dict[str, str], name: str | None
) -> None:
    assert _name(choose(contracts, stream, mapping)) == name


def test_a_mapping_to_nothing_is_refused(contracts: ContractSet) -> None:
    with pytest.raises(ContractError, match=r"stream 'visits' an object that no contract has: did you mean 'people'\?"):
        choose(contracts, "visits", {"visits": "peple"})


def test_all_own_contracts_load_and_carry_their_rules() -> None:
    loaded = [contract for name in ALL_CONTRACTS for contract in load(CONTRACTS / name, {}).contracts]
    assert len(ALL_CONTRACTS) >= 10
    assert all(contract.fields for contract in loaded)


def test_a_large_contract_of_68_tables_and_465_properties(read: Callable[..., ContractSet]) -> None:
    sizes = [7] * 57 + [6] * 11
    types = ["string", "integer", "number", "date", "timestamp", "boolean", "time"]
    tables = [
        f"  - name: table_{index:02d}\n    properties:\n"
        + "".join(f"      - {{name: p{n}, logicalType: {types[n]}, description: property {n}}}\n" for n in range(size))
        for index, size in enumerate(sizes)
    ]
    loaded = read(
        "apiVersion: v3.1.0\nkind: DataContract\nid: big\nversion: 1.0.0\nstatus: active\nschema:\n" + "".join(tables)
    )
    assert len(loaded.contracts) == 68
    assert sum(len(contract.fields) for contract in loaded.contracts) == 465
    assert loaded.contracts[67].name == "table_67"


def test_loading_imports_nothing_heavy(tmp_path: Path) -> None:
    path = _write(tmp_path, "c.yaml", "orders")
    program = (
        "import sys; from target_dativo_iceberg.contract import load; load(sys.argv[1]);"
        "print([m for m in ('jsonschema', 'pyiceberg', 'singer_sdk', 'requests') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
