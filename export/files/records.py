"""Frozen dataclasses to JSON and back, checked against their type hints: the manifest and the reports use it.

JSON has no NaN and no infinity, and a comparison of identical logits does have an infinite SQNR: such floats
are written as the strings "nan", "inf" and "-inf".
"""

import dataclasses
import math
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from mmoe.runtime_bindings.python.errors import MmoeError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_Record = TypeVar("_Record")
_NON_FINITE = ("nan", "inf", "-inf")


class RecordError(MmoeError):
    """A JSON value does not have the shape of the record it should become; names the key's path."""


def to_json(value: object) -> Json:
    """A record (dataclasses, tuples, lists, dicts with string keys, enums, scalars) as JSON values."""
    if dataclasses.is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


def from_json(kind: type[_Record], data: object, *, where: str) -> _Record:
    """The record of type `kind` that `to_json` wrote.

    Args:
        kind: a dataclass whose fields are dataclasses, tuples, dicts with string keys, `X | None`, enums,
            scalars, or `object` for JSON of any shape.
        data: the parsed JSON.
        where: what error messages call the source, for instance the file's path.

    Raises:
        RecordError: a key is missing, unknown or of the wrong kind.
    """
    record = _convert(kind, data, where)
    assert isinstance(record, kind)
    return record


def _convert(kind: Any, data: object, where: str) -> object:  # type hints are Any to the type checker too
    if dataclasses.is_dataclass(kind):
        return _convert_dataclass(kind, data, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        (kind,) = (argument for argument in arguments if argument is not NoneType)
        return None if data is None else _convert(kind, data, where)
    if origin is tuple and isinstance(data, list):
        return tuple(_convert(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(data))
    if origin is dict and isinstance(data, dict):
        return {key: _convert(arguments[1], item, f"{where}.{key}") for key, item in data.items()}
    return _convert_scalar(kind, data, where)


def _convert_dataclass(kind: Any, data: object, where: str) -> object:
    if not isinstance(data, dict):
        raise RecordError(f"{where}: expected an object, found {data!r}")
    hints = _hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    missing = [
        field.name for field in dataclasses.fields(kind) if field.name not in data and not _has_default(field)
    ]
    unknown = [str(name) for name in data if name not in names]
    if missing or unknown:
        told = [f"missing {', '.join(missing)}"] if missing else []
        told += [f"unknown {', '.join(unknown)}"] if unknown else []
        raise RecordError(f"{where}: keys {'; '.join(told)}")
    return kind(
        **{name: _convert(hints[name], data[name], f"{where}.{name}") for name in names if name in data}
    )


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """Of the fields of a record, of which a file may hold a hundred thousand."""
    return get_type_hints(kind)


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _convert_scalar(kind: Any, data: object, where: str) -> object:
    if kind is object:
        return data
    if kind is float and isinstance(data, (int, float)) and not isinstance(data, bool):
        return float(data)
    if kind is float and data in _NON_FINITE:
        return float(str(data))
    if isinstance(kind, type):
        if issubclass(kind, StrEnum) and data in list(kind):
            return kind(str(data))
        # bool is a subclass of int, and 1 is not true.
        if type(data) is kind:
            return data
    raise RecordError(f"{where}: expected {getattr(kind, '__name__', kind)}, found {data!r}")
