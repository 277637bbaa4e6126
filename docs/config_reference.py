"""The page `docs/config-reference.md`, made from the models of the YAML files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tap_adapters.shape import Shape

_TITLES = {
    "job-config": "Job files (`jobs/<tenant>/<job>.yaml`)",
    "connector-recipe": "Connector recipes (`connectors/sources/*.yaml`, `connectors/targets/*.yaml`)",
    "connectors-registry": "The registry (`registry/connectors.yaml`)",
    "runner-config": "The runner file",
}
_HEAD = """# Configuration reference

Made by `make docs` from the models that read the files; do not edit. `schemas/` holds the same as JSON Schema, which
editors complete and check by. A key that is not listed is an error. `${NAME}` and `${NAME:-default}` are replaced in
the paths of recipes and asset, in connections, credentials, files, sheets, engine options, `target.settings` and
`target.warehouse` ([how](orchestrator.md#variables)).
"""


def reference(models: Mapping[str, type[Shape]]) -> str:
    """Return the page."""
    lines = [_HEAD]
    for name, model in models.items():
        found = model.model_json_schema()
        lines += [f"## {_TITLES[name]}", "", _said(found), ""]
        lines += _table(found, found)
        used = list(_definitions(found))
        for definition in used:
            node = found["$defs"][definition]
            lines += [f"### {definition}", "", _said(node), ""]
            lines += _table(node, found)
    return "\n".join(lines).rstrip() + "\n"


def _definitions(schema: Mapping[str, Any]) -> Iterator[str]:
    for name, node in schema.get("$defs", {}).items():
        if "properties" in node:
            yield name


def _said(node: Mapping[str, Any]) -> str:
    return " ".join(str(node.get("description", "")).split())


def _table(node: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    required = set(node.get("required", ()))
    lines = ["| key | type | default |", "| --- | --- | --- |"]
    for key, value in node["properties"].items():
        if key == "$schema":
            continue
        default = "required" if key in required else _default(value)
        lines.append(f"| `{key}` | {_type(value, schema)} | {default} |")
    return [*lines, ""]


def _default(value: Mapping[str, Any]) -> str:
    found = value.get("default")
    if found in (None, {}, []) or isinstance(found, dict):
        return ""
    return f"`{str(found).lower() if isinstance(found, bool) else found}`"


def _type(value: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        node = schema["$defs"][name]
        return f"[{name}](#{name.lower()})" if "properties" in node else _type(node, schema)
    if "anyOf" in value:
        found = [_type(one, schema) for one in value["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(found))
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    if value.get("type") == "array":
        return f"list of {_type(value['items'], schema)}" if value.get("items") else "list"
    if value.get("type") == "object" and isinstance(value.get("additionalProperties"), dict):
        return f"mapping to {_type(value['additionalProperties'], schema)}"
    return {"object": "mapping", "string": "text", "boolean": "true or false"}.get(
        str(value.get("type")), str(value.get("type", "any"))
    )
