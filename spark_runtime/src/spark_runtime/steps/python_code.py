"""The step that is a function of the product's own: its source comes with the node spec."""

import hashlib
import inspect
from types import ModuleType
from typing import Any

from pyspark.errors import PySparkException

from spark_runtime.casts import same_type
from spark_runtime.errors import StepRefused
from spark_runtime.frame import Frame, find_name, types_of
from spark_runtime.sql import quoted
from spark_runtime.steps.context import StepContext


def python_code(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Call a function with the running frame and other inputs by their names; return what it returns.

    Raises:
        StepRefused: It is not the function that was pinned, it failed, or it does not yield the declared columns.
    """
    called = config["function"]
    function = _function(config, context)
    others = list(inspect.signature(function).parameters)[1:]
    inputs = {name: context.input(name).df for name in others}
    try:
        result = function(frame.df, **inputs)
    except PySparkException:
        raise
    # Whatever the product's own code raises is told as its own.
    except Exception as error:
        raise StepRefused(f"{context.where}: {called} failed: {type(error).__name__}: {error}") from error
    if not hasattr(result, "selectExpr"):
        raise StepRefused(f"{context.where}: {called} returned {type(result).__name__}, not a DataFrame")
    types = types_of(result)
    faults = []
    for name, kind in config["columns"].items():
        found = find_name(name, types)
        if found is None:
            faults.append(f"there is no column '{name}'")
        elif not same_type(types[found], kind):
            faults.append(f"'{name}' is {types[found]} and declared as {kind}")
    faults += [
        f"column '{name}' is not declared" for name in types if find_name(name, config["columns"]) is None
    ]
    if faults:
        raise StepRefused(f"{context.where}: {called} does not yield what is declared: {'; '.join(faults)}")
    columns = tuple(config["columns"])
    return Frame(result.selectExpr(*(f"{quoted(name)} AS {quoted(name)}" for name in columns)), columns)


def _function(config: Any, context: StepContext) -> Any:
    source, called = config["source"], config["function"]
    module_name, _, name = called.partition(":")
    if hashlib.sha256(source.encode()).hexdigest() != config["sha256"]:
        raise StepRefused(f"{context.where}: the source of {called} is not the one that was pinned")
    # Not among the imported modules: what it hands to the engine's Python must travel by value.
    module = ModuleType(f"landfall_step_{config['sha256'][:16]}")
    try:
        exec(compile(source, f"{module_name}.py", "exec"), module.__dict__)  # noqa: S102 - the product's own code
        return module.__dict__[name]
    except Exception as error:
        raise StepRefused(
            f"{context.where}: {called} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
