"""The words of ODCS that the target reads, by where they may stand and since which version."""

from __future__ import annotations

_MARKS = "authoritativeDefinitions tags customProperties"

ROOT = frozenset(
    f"""version kind apiVersion id name tenant status servers dataProduct description domain context schema support
    price team roles slaDefaultElement slaProperties contractCreatedTs {_MARKS}""".split()
)
_ELEMENT = f"id name physicalType physicalName description businessName deprecated synonyms {_MARKS}"
OBJECT = frozenset(
    f"""logicalType dataGranularityDescription properties relationships quality context {_ELEMENT}""".split()
)
PROPERTY = frozenset(
    f"""primaryKey primaryKeyPosition logicalType logicalTypeOptions required unique semanticType partitioned
    partitionKeyPosition classification encryptedName transformSourceObjects transformLogic transformDescription
    examples enum criticalDataElement relationships quality properties items map {_ELEMENT}""".split()
)
RANGES = frozenset({"mustBeBetween", "mustNotBeBetween"})
OPERATORS = RANGES | {
    "mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo",
}  # fmt: skip
QUALITY = OPERATORS | frozenset(
    f"""id type name description dimension severity unit method businessImpact schedule scheduler metric rule
    arguments query engine implementation {_MARKS}""".split()
)
METRICS = frozenset({"nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount"})
# Arguments of a metric. ODCS 3.0 writes them beside the rule, and an official example does so in 3.1.
ARGUMENTS = frozenset({"validValues", "missingValues", "pattern", "properties"})

_BOUNDS = "minimum maximum exclusiveMinimum exclusiveMaximum"
_TEMPORAL = frozenset(f"format {_BOUNDS}".split())
_ZONED = _TEMPORAL | {"timezone", "defaultTimezone"}
_NUMERIC = frozenset(f"format multipleOf {_BOUNDS}".split())
OPTIONS: dict[str, frozenset[str]] = {
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "integer": _NUMERIC,
    "number": _NUMERIC,
    "boolean": frozenset(),
    "date": _TEMPORAL,
    "timestamp": _ZONED,
    "time": _ZONED,
    "object": frozenset({"minProperties", "maxProperties", "required"}),
    "array": frozenset({"minItems", "maxItems", "uniqueItems"}),
    "map": frozenset(),
    "vector": frozenset(
        {"dimensions", "elementType", "distanceMetric", "embeddingModel", "embeddingModelVersion", "normalized"}
    ),
}
LOGICAL_TYPES = frozenset(OPTIONS)
ALL_OPTIONS = frozenset().union(*OPTIONS.values())

# Keys that dativo's extension of ODCS adds at the top of a document.
DATIVO = frozenset({
    "$schema", "asset", "source_type", "object", "target", "data_quality", "compliance", "governance",
    "change_management", "finops",
})  # fmt: skip

# First version of each newer word, by the kind of mapping it stands in.
SINCE: dict[str, dict[str, tuple[int, int]]] = {
    "root": {"context": (3, 2)},
    "object": {"id": (3, 1), "relationships": (3, 1), "deprecated": (3, 2), "synonyms": (3, 2), "context": (3, 2)},
    "property": {
        "id": (3, 1), "relationships": (3, 1), "deprecated": (3, 2), "synonyms": (3, 2), "enum": (3, 2),
        "map": (3, 2), "semanticType": (3, 2),
    },
    "options": {"timezone": (3, 1), "defaultTimezone": (3, 1)},
    "quality": {"id": (3, 1), "metric": (3, 1), "arguments": (3, 1)},
    "logicalType": {"timestamp": (3, 1), "time": (3, 1), "map": (3, 2), "vector": (3, 2)},
}  # fmt: skip
