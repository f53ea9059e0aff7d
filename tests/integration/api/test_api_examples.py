"""Every body and every answer of the description has an example, and each example is what its schema says."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from landfall.api.describing import describe
from landfall.settings import IdentitySettings
from tests.api_server import application

DESCRIPTION = describe(application(IdentitySettings(insecure_local="ada")))


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DESCRIPTION["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def faults(example: Any, schema: dict[str, Any]) -> list[str]:
    """Return what of an example its schema does not allow; references lead into the description."""
    whole = {**schema, "components": DESCRIPTION["components"]}
    found = jsonschema.Draft202012Validator(whole).iter_errors(example)
    return [f"{fault.json_path}: {fault.message}" for fault in found]


@pytest.mark.parametrize(("name", "operation"), operations(), ids=[name for name, _ in operations()])
def test_bodies_and_answers_have_examples_that_are_valid(name: str, operation: dict[str, Any]) -> None:
    answers = {status: answer for status, answer in operation["responses"].items() if int(status) < 300}
    assert answers, name
    for status, answer in answers.items():
        media = answer["content"]["application/json"]
        assert "example" in media, status
        assert faults(media["example"], media["schema"]) == []
        # One that is empty shows nobody anything.
        assert media["example"], status
    if name.startswith("POST"):
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        model = DESCRIPTION["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        assert model["examples"]
        for example in model["examples"]:
            assert faults(example, schema) == []


@pytest.mark.parametrize(
    "operation", [operation for _, operation in operations()], ids=[n for n, _ in operations()]
)
def test_every_refusal_is_a_problem(operation: dict[str, Any]) -> None:
    refusals = {status: answer for status, answer in operation["responses"].items() if int(status) >= 400}

    assert refusals
    for status, answer in refusals.items():
        (kind,) = answer["content"]
        # Only health is unwell in plain JSON.
        assert kind == "application/problem+json" or (status, operation["tags"]) == ("503", ["health"])


def test_no_example_is_left_of_a_route_that_has_gone() -> None:
    kept = json.loads(files("landfall.api").joinpath("examples.json").read_text("utf-8"))

    assert set(kept) == {name for name, _ in operations()}
