"""Values of settings as their types: JSON values from a config file, texts from the environment."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from target_dativo_iceberg.setting import Setting

_DECIMAL = re.compile(r"(?i)decimal *\( *([0-9]{1,2}) *(?:, *([0-9]{1,2}) *)?\)")
_MOST_DIGITS = 38
_NUMBERS = (int, float, Decimal, str)
_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def typed(setting: Setting, value: Any) -> Any:
    """Return a value as its setting has it.

    Raises:
        ValueError: what it must be, as the end of a sentence; never the value.

    """
    # YAML reads a bare `no` as false.
    found = read(setting.kind, "no" if value is False and "no" in setting.choices else value)
    if setting.choices and found not in setting.choices:
        raise ValueError("must be one of " + ", ".join(setting.choices))
    if setting.name == "default_number":
        number_digits(found)
    if setting.minimum is not None and found < setting.minimum:
        raise ValueError(f"must be at least {setting.minimum:g}")
    return found


def read(kind: str, value: Any) -> Any:
    """Return a value as a kind of setting: string, integer, number, boolean, object (of texts), array, json.

    Raises:
        ValueError: as above.

    """
    return _READERS[kind](value)


def number_digits(text: str) -> tuple[int, int] | None:
    """Return precision and scale of `decimal(p,s)`, None for `double`.

    Raises:
        ValueError: as above.

    """
    if text.lower() == "double":
        return None
    found = _DECIMAL.fullmatch(text)
    precision, scale = (int(found[1]), int(found[2] or 0)) if found else (0, 0)
    if not 0 < precision <= _MOST_DIGITS or scale > precision:
        raise ValueError(f"must be double or decimal(p,s) with at most {_MOST_DIGITS} digits")
    return precision, scale


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    if "\0" in value:
        raise ValueError("must not hold a NUL character")
    return value


def _integer(value: Any) -> int:
    number = _finite(value, "must be an integer")
    if number != int(number):
        raise ValueError("must be an integer")
    return int(number)


def _number(value: Any) -> float:
    return float(_finite(value, "must be a number"))


def _finite(value: Any, otherwise: str) -> Decimal:
    """Return a number or a text of one exactly; `inf` and `nan` are no numbers here."""
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        raise ValueError(otherwise)
    try:
        number = Decimal(value)
    except ArithmeticError:
        raise ValueError(otherwise) from None
    if not number.is_finite() or abs(number) > 1 << 63:
        raise ValueError(otherwise)
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    raise ValueError("must be true or false")


def _object(value: Any) -> dict[str, str]:
    return {key: _property_text(v) for key, v in _json(value).items()}


def _json(value: Any) -> dict[str, Any]:
    found = _parsed(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        raise ValueError("must be an object")
    return found


def _text_or_object(value: Any) -> str | dict[str, Any]:
    if isinstance(value, str) and not value.lstrip().startswith("{"):
        return _string(value)
    if isinstance(value, (str, dict)):
        return _json(value)
    raise ValueError("must be a text or an object")


def _object_or_array(value: Any) -> dict[str, Any] | list[Any]:
    found = _parsed(value) if isinstance(value, str) else value
    if not isinstance(found, (dict, list)):
        raise ValueError("must be an object or a list")
    return found


def _property_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, _NUMBERS):
        return str(value)
    raise ValueError("must hold texts, numbers or booleans")


def _array(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = _parsed(value) if value.lstrip().startswith("[") else [value]
    if not isinstance(value, (list, tuple)):
        raise ValueError("must be a list of texts")
    try:
        return tuple(_string(v) for v in value)
    except ValueError:
        raise ValueError("must be a list of texts") from None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("must be JSON") from None


_READERS: dict[str, Callable[[Any], Any]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "object": _object,
    "array": _array,
    "json": _json,
    "string|object": _text_or_object,
    "object|array": _object_or_array,
}
