"""Loads an app's unchanged ``function_app.py`` by its path and lists what it registers."""

import importlib.util
import inspect
import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from azure.functions.decorators.function_app import Function, FunctionRegister

from landfall.local.functions_host import log
from landfall.local.functions_host.decisions import HTTP_ACTIVITY
from landfall.local.functions_host.errors import AppNotLoadable
from landfall.local.functions_host.signatures import refusals

SCRIPT = "function_app.py"
MODULE = "function_app"
DURABLE_TRIGGERS = frozenset({"orchestrationTrigger", "activityTrigger", "entityTrigger"})
# Triggers that the host runs by itself; any other can still be called through /admin/functions.
SERVED_TRIGGERS = DURABLE_TRIGGERS | {"httpTrigger", "timerTrigger", "eventGridTrigger", "queueTrigger"}
# Bindings besides the trigger that the host fills in.
_SERVED_BINDINGS = frozenset({"durableClient", "http"})


@dataclass(frozen=True, slots=True)
class ClientBinding:
    """A parameter that receives a Durable client; hub and connection as written on the binding."""

    parameter: str
    task_hub: str | None
    connection: str | None


@dataclass(frozen=True, slots=True)
class AppFunction:
    """One function of the app.

    Attributes:
        name: Its Functions name.
        durable_name: Its name for orchestrations; equal to ``name`` unless the trigger gives another.
        trigger_type: For example ``httpTrigger``.
        parameter: Name of the parameter that takes the trigger.
        trigger: The trigger's binding as JSON.
        bindings: All bindings as JSON.
        call: The Python function, or the handle of an orchestrator or entity.
        is_async: Whether calling it gives a coroutine.
        wants_context: Whether it has a parameter ``context`` that is no binding.
        clients: Its Durable client parameters.
        returns_value: Whether what it returns goes anywhere.
    """

    name: str
    durable_name: str
    trigger_type: str
    parameter: str
    trigger: Mapping[str, Any]
    bindings: Sequence[Mapping[str, Any]]
    call: Callable[..., Any]
    is_async: bool
    wants_context: bool
    clients: tuple[ClientBinding, ...]
    returns_value: bool


class FunctionTable:
    """All functions of an app, found by name without regard to case."""

    def __init__(self, functions: Iterable[AppFunction]) -> None:
        self._all = tuple(functions)
        self._by_name = {function.name.lower(): function for function in self._all}
        self._durable = {
            trigger_type: {
                function.durable_name.lower(): function
                for function in self._all
                if function.trigger_type == trigger_type
            }
            for trigger_type in DURABLE_TRIGGERS
        }

    def __iter__(self) -> Any:
        return iter(self._all)

    def without_disabled(self, environ: Mapping[str, str]) -> "FunctionTable":
        """Return the functions that no app setting ``AzureWebJobs.NAME.Disabled`` switches off."""
        kept = []
        for function in self._all:
            names = (f"AzureWebJobs{sep}{function.name}{sep}Disabled" for sep in (".", "__"))
            if any(environ.get(name, "").lower() in ("true", "1") for name in names):
                log.event("function_disabled", function=function.name)
            else:
                kept.append(function)
        return FunctionTable(kept)

    def find(self, name: str) -> AppFunction | None:
        """Return the function of that Functions name."""
        return self._by_name.get(name.lower())

    def of_type(self, trigger_type: str) -> list[AppFunction]:
        """Return the functions with that trigger."""
        return [function for function in self._all if function.trigger_type == trigger_type]

    def find_orchestrator(self, name: str) -> AppFunction | None:
        """Return the orchestrator of that durable name."""
        return self._durable["orchestrationTrigger"].get(name.lower())

    def find_activity(self, name: str) -> AppFunction | None:
        """Return the activity of that durable name."""
        return self._durable["activityTrigger"].get(name.lower())

    def find_entity(self, name: str) -> AppFunction | None:
        """Return the entity of that durable name."""
        return self._durable["entityTrigger"].get(name.lower())

    def has_activity(self, name: str) -> bool:
        """Return whether orchestrators can call an activity of that name."""
        return name == HTTP_ACTIVITY or self.find_activity(name) is not None

    def has_orchestrator(self, name: str) -> bool:
        """Return whether there is an orchestrator of that name."""
        return self.find_orchestrator(name) is not None

    def orchestrator_names(self) -> Sequence[str]:
        """Return the durable names of all orchestrators."""
        return [function.durable_name for function in self.of_type("orchestrationTrigger")]


def load_app(folder: Path) -> FunctionTable:
    """Import ``function_app.py`` of ``folder`` and return its functions.

    The folder becomes importable, as on Azure, so that the script finds its own packages.

    Raises:
        AppNotLoadable: There is no script, its import fails, or it does not hold exactly one valid app.
    """
    script = folder / SCRIPT
    if not script.is_file():
        raise AppNotLoadable(script, "no such file. --app names the folder that holds function_app.py.")
    return table_of(_import(script), script)


def table_of(module: ModuleType, script: Path) -> FunctionTable:
    """Return the functions of the one app that ``module`` holds.

    Raises:
        AppNotLoadable: There is not exactly one app in it, or the app is not valid.
    """
    apps = {id(value): value for value in vars(module).values() if isinstance(value, FunctionRegister)}
    if len(apps) != 1:
        found = "none" if not apps else str(len(apps))
        raise AppNotLoadable(
            script,
            f"module {module.__name__} must hold exactly one FunctionApp or DFApp, found {found}",
        )
    (app,) = apps.values()
    try:
        # Once per import: the app keeps the names and would call them duplicates the second time.
        listed = [_describe(function) for function in app.get_functions()]
    except ValueError as error:
        raise AppNotLoadable(script, str(error)) from error
    _refuse_duplicates(listed, script)
    for function in listed:
        _tell_what_differs_from_azure(function)
    return FunctionTable(listed)


def _import(script: Path) -> ModuleType:
    folder = str(script.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(MODULE, script)
    if spec is None or spec.loader is None:
        raise AppNotLoadable(script, "is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[MODULE]
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise AppNotLoadable(
            script, f"its import failed at {where.filename}:{where.lineno}: {type(error).__name__}: {error}"
        ) from error
    return module


def _describe(function: Function) -> AppFunction:
    trigger = function.get_trigger()
    name = function.get_function_name()
    if trigger is None or trigger.type is None or name is None:
        raise ValueError(f"function {name} has no trigger")
    bindings = [json.loads(text) for text in function.get_raw_bindings()]
    own = next(
        binding for binding in bindings if binding["name"] == trigger.name and binding["type"] == trigger.type
    )
    call = function.get_user_function()
    return AppFunction(
        name=name,
        durable_name=own.get("activity") or own.get("orchestration") or own.get("entityName") or name,
        trigger_type=trigger.type,
        parameter=trigger.name,
        trigger=own,
        bindings=bindings,
        call=call,
        is_async=inspect.iscoroutinefunction(call),
        wants_context="context" in _parameters(call) and all(b["name"] != "context" for b in bindings),
        clients=tuple(
            ClientBinding(binding["name"], binding.get("taskHub"), binding.get("connectionName"))
            for binding in bindings
            if binding["type"] == "durableClient"
        ),
        returns_value=trigger.type in DURABLE_TRIGGERS
        or any(binding["name"] == "$return" for binding in bindings),
    )


def _parameters(call: Callable[..., Any]) -> frozenset[str]:
    try:
        return frozenset(inspect.signature(call).parameters)
    except (TypeError, ValueError):
        return frozenset()


def _refuse_duplicates(functions: Sequence[AppFunction], script: Path) -> None:
    seen: dict[str, str] = {}
    durable: dict[tuple[str, str], str] = {}
    for function in functions:
        other = seen.setdefault(function.name.lower(), function.name)
        if other != function.name:
            raise AppNotLoadable(
                script,
                f"functions {other!r} and {function.name!r} differ in case only; the Functions host ignores case",
            )
        key = (function.trigger_type, function.durable_name.lower())
        other = durable.setdefault(key, function.name)
        if other != function.name and function.trigger_type in DURABLE_TRIGGERS:
            raise AppNotLoadable(
                script,
                f"functions {other!r} and {function.name!r} share the durable name {function.durable_name!r}",
            )


def _tell_what_differs_from_azure(function: AppFunction) -> None:
    for reason in refusals(function.call, function.trigger_type, function.bindings):
        log.event("refused_in_azure", level=logging.ERROR, function=function.name, reason=reason)
    if function.trigger_type not in SERVED_TRIGGERS:
        log.event(
            "trigger_not_served",
            level=logging.WARNING,
            function=function.name,
            trigger=function.trigger_type,
            remedy=f"this host does not watch it; call it with POST /admin/functions/{function.name}",
        )
    for binding in function.bindings:
        if binding is not function.trigger and binding["type"] not in _SERVED_BINDINGS:
            log.event(
                "binding_not_served",
                level=logging.WARNING,
                function=function.name,
                binding=binding["type"],
                parameter=binding["name"],
                remedy="calls of this function fail here; use an SDK client inside the function",
            )
