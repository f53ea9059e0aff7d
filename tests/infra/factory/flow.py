"""Walks through pipelines of a Data Factory with the engine that evaluates its expressions.

Run by the Python of an environment that has the testing framework. Reads lines of JSON from stdin, each a walk:
``folder``, ``pipeline``, ``parameters``, ``globals``, and ``answers``, the output of each activity by its name. Answers
each with what came of the activities in the order in which they ran, or the error that ended it.
"""

import json
import sys
from functools import cache
from typing import Any

from data_factory_testing_framework import TestFramework, TestFrameworkType
from data_factory_testing_framework._expression_runtime.data_factory_expression import expression_transformer
from data_factory_testing_framework.state import DependencyCondition, RunParameter, RunParameterType


def plain(value: Any) -> Any:
    """Return evaluated properties as JSON: of an expression what it came to."""
    if hasattr(value, "result"):
        return plain(value.result)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


# It makes the parser of the same grammar anew for every expression: nine tenths of the time of a walk.
expression_transformer.Lark = cache(expression_transformer.Lark)


def walk(asked: dict[str, Any]) -> list[dict[str, Any]]:
    framework = TestFramework(TestFrameworkType.DataFactory, root_folder_path=asked["folder"])
    pipeline = framework.get_pipeline_by_name(asked["pipeline"])
    parameters = [
        *(
            RunParameter(RunParameterType.Pipeline, name, value)
            for name, value in asked["parameters"].items()
        ),
        *(RunParameter(RunParameterType.Global, name, value) for name, value in asked["globals"].items()),
        RunParameter(RunParameterType.System, "RunId", "run-1"),
    ]
    ran: list[dict[str, Any]] = []
    for activity in framework.evaluate_pipeline(pipeline, parameters):
        properties = activity.all_properties
        ran.append(
            {
                "name": activity.name,
                "type": activity.type,
                "properties": plain(activity.type_properties),
                "inputs": plain(properties.get("inputs", [])),
                "outputs": plain(properties.get("outputs", [])),
            }
        )
        answer = asked["answers"].get(activity.name, {})
        if isinstance(answer, list):
            # One for each time that the activity runs, within a loop.
            answer = answer.pop(0)
        activity.set_result(DependencyCondition.SUCCEEDED, answer)
    return ran


def outcome(asked: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"ran": walk(asked)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(outcome(json.loads(line))), flush=True)
