"""Checks the JSON of a Data Factory against the models of its management SDK: names, kinds, required, enumerations.

Run by the Python of an environment that has the SDK: ``models.py FOLDER…`` prints a JSON list of faults for each.
"""

import datetime
import enum
import json
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from azure.mgmt.datafactory import models
from azure.mgmt.datafactory._utils.model_base import Model
from azure.mgmt.datafactory.models import _enums, _models

_NAMES = {
    **vars(typing),
    **vars(_models),
    **vars(_enums),
    "_models": models,
    "_enums": _enums,
    "datetime": datetime,
}
KINDS = {
    "pipeline": _models.Pipeline,
    "dataset": _models.Dataset,
    "linkedService": _models.LinkedService,
    "trigger": _models.Trigger,
    "integrationRuntime": _models.IntegrationRuntime,
    "managedVirtualNetwork": _models.ManagedVirtualNetwork,
}


# What the service takes and the SDK of this version does not know yet.
DOCUMENTED = {"AzurePostgreSqlSource": ("partitionOption", "partitionSettings")}


@cache
def hints(cls: type) -> dict[str, Any]:
    """Return the types of the attributes of a model; they are written as texts that name one another."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        for name, annotation in getattr(base, "__annotations__", {}).items():
            found[name] = resolved(annotation)
    return found


def resolved(annotation: Any) -> Any:
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        try:
            return resolved(eval(annotation, _NAMES))  # noqa: S307 - of the SDK
        except NameError:
            return Any
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return typing.Union[tuple(map(resolved, arguments))]  # noqa: UP007 - of a tuple
    if origin is list:
        return list[resolved(arguments[0])]  # type: ignore[misc]
    if origin is dict:
        return dict[str, resolved(arguments[1])]  # type: ignore[misc]
    return annotation


def choices(annotation: Any) -> tuple[Any, ...]:
    """Return what a value may be, ``None`` left out."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return tuple(one for one in typing.get_args(annotation) if one is not type(None))
    return (annotation,)


def fields(cls: Any) -> dict[str, tuple[str, Any]]:
    """Return attribute and field of each property of a model, by the name it has in JSON."""
    # Making one fills the table of its fields.
    cls.__new__(cls)
    return {field._rest_name: (name, field) for name, field in cls._attr_to_rest_field.items()}


def kinds(cls: Any) -> dict[str, Any]:
    """Return the models that a discriminator chooses among, those below them included."""
    found: dict[str, Any] = {}
    for name, sub in cls.__dict__.get("__mapping__", {}).items():
        found |= {name: sub, **kinds(sub)}
    return found


def faults_of_object(cls: Any, value: Any, at: str) -> Iterator[str]:
    if is_expression(value):
        return
    if not isinstance(value, Mapping):
        yield f"{at}: an object is expected, not {type(value).__name__}"
        return
    known = kinds(cls)
    if known:
        key = next(
            (name for name, (_, field) in fields(cls).items() if field._is_discriminator),
            "type",
        )
        if value.get(key) not in known:
            yield f"{at}: {key} {value.get(key)!r} is not known"
            return
        cls = known[value[key]]
    properties = fields(cls)
    for name, item in value.items():
        if name not in properties and name in DOCUMENTED.get(cls.__name__, ()):
            continue
        if name not in properties:
            yield f"{at}.{name}: {cls.__name__} has no such property"
        else:
            yield from faults_of_value(hints(cls).get(properties[name][0], Any), item, f"{at}.{name}")
    for name, (attribute, field) in properties.items():
        annotation = hints(cls).get(attribute, Any)
        optional = type(None) in typing.get_args(annotation)
        if name not in value and not optional and "read" not in (field._visibility or []):
            yield f"{at}: {name} is missing ({cls.__name__})"


def faults_of_value(annotation: Any, value: Any, at: str) -> Iterator[str]:
    if value is None or is_expression(value):
        return
    options = choices(annotation)
    for option in options:
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        if isinstance(option, type) and issubclass(option, Model):
            yield from faults_of_object(option, value, at)
            return
        if origin is list and isinstance(value, list):
            for number, item in enumerate(value):
                yield from faults_of_value(arguments[0], item, f"{at}[{number}]")
            return
        if origin is dict and isinstance(value, dict):
            for name, item in value.items():
                yield from faults_of_value(arguments[1], item, f"{at}.{name}")
            return
    yield from faults_of_scalar(options, value, at)


def faults_of_scalar(options: tuple[Any, ...], value: Any, at: str) -> Iterator[str]:
    enums = [one for one in options if isinstance(one, type) and issubclass(one, enum.Enum)]
    if enums and isinstance(value, str):
        known = [str(member.value) for member in enums[0]]
        # The service takes any letter case.
        if not value.startswith("@") and value.lower() not in map(str.lower, known):
            yield f"{at}: {value!r} is none of {', '.join(known)}"
        return
    plain = tuple(one for one in options if one in (int, bool, str))
    if plain and Any not in options and not isinstance(value, plain):
        yield f"{at}: {' or '.join(one.__name__ for one in plain)} is expected, not {type(value).__name__}"
    if any(typing.get_origin(one) is list for one in options) and not isinstance(value, list):
        yield f"{at}: a list is expected, not {type(value).__name__}"


def is_expression(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("type") == "Expression" and "value" in value


def faults_of_folder(folder: Path) -> Iterator[str]:
    for kind, model in KINDS.items():
        for path in sorted((folder / kind).glob("*.json")):
            written = json.loads(path.read_text())
            place = f"{kind}/{path.name}"
            if written.get("name") != path.stem:
                yield f"{place}: name is {written.get('name')!r}, and the file is called {path.stem}"
            yield from faults_of_object(model, written["properties"], f"{place}: properties")


if __name__ == "__main__":
    print(json.dumps([list(faults_of_folder(Path(folder))) for folder in sys.argv[1:]]))
