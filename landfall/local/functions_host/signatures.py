"""Finds function signatures that run here but that the Python worker on Azure refuses to load."""

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import azure.functions as func
from azure.functions._thirdparty import typing_inspect

# The worker sees the SDK's handle for these, not the function that the app's author wrote.
_HANDLES = frozenset({"orchestrationTrigger", "entityTrigger"})


def refusals(
    call: Callable[..., Any], trigger_type: str, bindings: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield why the worker would not load a function; nothing if it would.

    Args:
        call: The function.
        trigger_type: Type of its trigger.
        bindings: All its bindings, as JSON.
    """
    if trigger_type in _HANDLES:
        return
    parameters = set(inspect.signature(call).parameters) - {"context"}
    inputs = {binding["name"]: binding["type"] for binding in bindings if binding["direction"] == "IN"}
    outputs = {binding["name"] for binding in bindings if binding["direction"] == "OUT"} - {"$return"}
    for name in sorted(parameters - set(inputs) - outputs):
        yield f"parameter {name!r} has no binding"
    for name in sorted(set(inputs) - parameters - {"context"}):
        yield f"binding {name!r} has no parameter"
    hints = typing.get_type_hints(call)
    for name, binding_type in inputs.items():
        if name in hints and (reason := _refusal_of(hints[name], binding_type)):
            yield f"parameter {name!r}: {reason}"


def _refusal_of(annotation: Any, binding_type: str) -> str | None:
    # The worker knows generic types of `typing`, but not built-in ones with brackets such as dict[str, int].
    if not isinstance(annotation, type) and not typing_inspect.is_generic_type(  # type: ignore[no-untyped-call]
        annotation
    ):
        return f"annotation {annotation!r} is not a type to the worker; use a plain class such as dict"
    converter = func.get_binding_registry().get(binding_type)  # type: ignore[no-untyped-call]
    if converter is None or annotation is Any or not isinstance(annotation, type):
        return None
    try:
        fits = converter.check_input_type_annotation(annotation)
    except TypeError:
        return None
    return None if fits else f"annotation {annotation.__name__} does not fit a {binding_type}"
