"""What a contract says, after reading: frozen values without any YAML, Arrow or Iceberg in them.

One `Contract` is one table: its fields, keys and rules. Every front door (ODCS, dativo's forms, a Singer
SCHEMA) ends here; checks, the type table and the evolution plan start here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from target_dativo_iceberg.contract.manner import UNSAID, Manner


class Kind(StrEnum):
    """The value kinds a column can have (facts: ODCS logical types refined by their physical types)."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    DOUBLE = "double"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    UUID = "uuid"
    BINARY = "binary"
    FIXED = "fixed"
    STRUCT = "struct"
    LIST = "list"
    MAP = "map"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Type:
    """A type as a tree.

    Attributes:
        kind: what the value is.
        bits: width of the Iceberg integer that holds an INTEGER, 32 or 64.
        precision: digits of a DECIMAL, 1 to 38.
        scale: digits after the point of a DECIMAL, 0 to precision.
        length: bytes of a FIXED.
        fields: members of a STRUCT, in order.
        item: element of a LIST, value of a MAP.
        key: key of a MAP.
        formats: for temporal kinds, strptime patterns, tried in order before ISO 8601.
        naive_zone: for TIMESTAMPTZ, the zone assumed for a value without one (None: such a value is a
            violation); for TIMESTAMP, the zone a value with an offset is converted to.
        encoding: for BINARY and FIXED, how the text carries bytes: base64, hex or utf8.
        epoch: for TIMESTAMP and TIMESTAMPTZ, the unit (s, ms, us) of numbers since 1970, or empty: numbers are refused.
        assumed: a DOUBLE because nothing says which number it is; setting `default_number` decides.
        numeric: an INTEGER or DECIMAL whose values are taken for numbers, whatever they come as, when coercions are
            counted: the parser of lines does not tell texts of numbers from numbers, nor 5 from 5.0.
        manner: how far a value may be from the type.

    """

    kind: Kind
    bits: int = 64
    precision: int = 0
    scale: int = 0
    length: int = 0
    fields: tuple[Field, ...] = ()
    item: Field | None = None
    key: Type | None = None
    formats: tuple[str, ...] = ()
    naive_zone: str | None = "UTC"
    encoding: str = "base64"
    epoch: str = ""
    assumed: bool = False
    numeric: bool = False
    manner: Manner = UNSAID


class RuleKind(StrEnum):
    """Row rules: each is decided by the value (or the row) alone."""

    ENUM = "enum"
    NOT_IN = "not_in"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    EXCLUSIVE_MINIMUM = "exclusiveMinimum"
    EXCLUSIVE_MAXIMUM = "exclusiveMaximum"
    MULTIPLE_OF = "multipleOf"
    MIN_LENGTH = "minLength"
    MAX_LENGTH = "maxLength"
    PATTERN = "pattern"
    FORMAT = "format"
    MIN_ITEMS = "minItems"
    MAX_ITEMS = "maxItems"
    UNIQUE_ITEMS = "uniqueItems"
    MIN_PROPERTIES = "minProperties"
    MAX_PROPERTIES = "maxProperties"
    REQUIRED_PROPERTIES = "requiredProperties"


class Severity(StrEnum):
    """How much a broken rule matters: an error is acted on, a warning is counted and kept."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row rule of a field.

    Attributes:
        id: the contract's own id, else `object.field.kind`; stable across runs.
        kind: what is tested.
        argument: bound (int, Decimal, float, str for temporal bounds), pattern text, format name, or a
            tuple of allowed values; never None.
        severity: error or warning.
        action: `dativo.onViolation` of the contract for this rule, or None for the policy's.

    """

    id: str
    kind: RuleKind
    argument: Any
    severity: Severity = Severity.ERROR
    action: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A column, or a member of a struct.

    Attributes:
        name: name in records and in the table.
        type: its type tree.
        required: a record without it, or with null, breaks the contract.
        unique: no two rows of the run may hold the same value.
        rules: row rules of the value; null passes all of them (null is `required`'s business).
        description: column doc of the table.
        classification: the contract's classification, lower case, or empty.
        tags: tags of the property.
        critical: `criticalDataElement`: a violation is at least quarantined.
        deprecated: still written, with a warning.
        encrypted_name: ODCS `encryptedName`, or empty.
        stable_id: ODCS property id (3.1+), or empty; survives a rename.
        action: `dativo.onViolation` of the property, or None for the policy's.
        filled: the target fills it, records do not carry it.

    """

    name: str
    type: Type
    required: bool = False
    unique: bool = False
    rules: tuple[Rule, ...] = ()
    description: str = ""
    classification: str = ""
    tags: tuple[str, ...] = ()
    critical: bool = False
    deprecated: bool = False
    encrypted_name: str = ""
    stable_id: str = ""
    action: str | None = None
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition field: a column and an Iceberg transform (`identity`, `day`, `bucket[16]` …)."""

    field: str
    transform: str = "identity"


@dataclass(frozen=True, slots=True)
class SortKey:
    """One column of a sort order; nulls come first ascending and last descending, as Iceberg has it."""

    field: str
    descending: bool = False


class CheckKind(StrEnum):
    """Aggregate checks: decided over many rows (a batch, the run, the table)."""

    NULL_VALUES = "nullValues"
    MISSING_VALUES = "missingValues"
    INVALID_VALUES = "invalidValues"
    DUPLICATE_VALUES = "duplicateValues"
    ROW_COUNT = "rowCount"
    SQL = "sql"
    CUSTOM = "custom"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Threshold:
    """`mustBe…` of a quality check: operator name of ODCS, one or two numbers, unit `rows` or `percent`."""

    operator: str
    values: tuple[Any, ...]
    unit: str = "rows"


@dataclass(frozen=True, slots=True)
class Check:
    """One aggregate quality check.

    Attributes:
        id: the contract's own id or name, else a generated one.
        kind: what is measured.
        fields: columns it is about (empty: the object).
        arguments: `missingValues`, `validValues`, `pattern`, SQL text, engine …
        threshold: None only for TEXT and CUSTOM.
        scope: `batch`, `run` or `table`.
        severity: error fails the epoch, warning is reported.
        description: for people.
        action: `dativo.onViolation` of the contract for this check, or None for the policy's.

    """

    id: str
    kind: CheckKind
    fields: tuple[str, ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict)
    threshold: Threshold | None = None
    scope: str = "run"
    severity: Severity = Severity.ERROR
    description: str = ""
    action: str | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """What one table must hold.

    Attributes:
        name: name of the schema object (or of the stream, when the SCHEMA is the contract).
        physical_name: name of the table, if the contract gives one.
        fields: the columns, in order.
        primary_key: names of key columns, by position; all are required.
        partitions: partition fields, by position.
        sort: sort keys, in order.
        checks: aggregate quality checks.
        description: table comment.
        id, version, api_version, status, sha256, source: of the document; empty when the SCHEMA is the
            contract. `sha256` is of the document's bytes, `source` is its path.
        domain: of the document; the default namespace.
        policies: settings that the contract carries (`dativo.*` custom properties, `target.mode` …).
        properties: table properties that describe the table to people (owner, retention, tags …).
        inferred: True when this came from a Singer SCHEMA.
        keys_repeat: the primary key is the `key_properties` of a SCHEMA: it identifies rows, and comes again whenever a
            row has changed. A contract's own may not repeat.

    """

    name: str
    fields: tuple[Field, ...]
    primary_key: tuple[str, ...] = ()
    physical_name: str = ""
    partitions: tuple[Partition, ...] = ()
    sort: tuple[SortKey, ...] = ()
    checks: tuple[Check, ...] = ()
    description: str = ""
    id: str = ""
    version: str = ""
    api_version: str = ""
    status: str = ""
    sha256: str = ""
    source: str = ""
    domain: str = ""
    policies: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    inferred: bool = False
    keys_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """One lint finding: where it is, what it is, how much it matters."""

    message: str
    source: str = ""
    line: int = 0
    path: str = ""
    level: str = "warning"

    def __str__(self) -> str:
        """`file:line: level: message (path)`."""
        where = f"{self.source}:{self.line}: " if self.line else (f"{self.source}: " if self.source else "")
        return f"{where}{self.level}: {self.message}" + (f" (at {self.path})" if self.path else "")


@dataclass(frozen=True, slots=True)
class ContractSet:
    """All contracts of a file or folder, with the lint that reading them gave."""

    contracts: tuple[Contract, ...]
    notes: tuple[Note, ...] = ()
