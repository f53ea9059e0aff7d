"""The list of acts, the routes of the API, the forms of the console and the verbs of the command are one."""

import re
from collections.abc import Iterator
from typing import get_type_hints

import typer
from fastapi.routing import APIRoute

from landfall.acts import ACTS, BY_NAME, act_at
from landfall.api.describing import describe
from landfall.cli.main import app as command
from landfall.console.address import ROOT
from landfall.console.router import PARTS
from landfall.settings import IdentitySettings
from tests.api_server import application

APP = application(IdentitySettings(insecure_local="ada"))


def routes() -> set[str]:
    """Return the paths that take POST, one for each value of a parameter that has few."""
    found: set[str] = set()
    for path, methods in describe(APP)["paths"].items():
        if "post" not in methods:
            continue
        choices = {
            item["name"]: values
            for item in methods["post"].get("parameters", ())
            if (values := _values(item["schema"]))
        }
        expanded = [path]
        for name, values in choices.items():
            expanded = [one.replace(f"{{{name}}}", value) for one in expanded for value in values]
        found.update(expanded)
    return found


def _values(schema: dict[str, object]) -> list[str]:
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        schema = describe(APP)["components"]["schemas"][name]
    values = schema.get("enum", [])
    return [str(value) for value in values] if isinstance(values, list) else []


def verbs() -> Iterator[str]:
    """Return the verbs of the command, with their groups."""
    root = typer.main.get_command(command)
    for name, one in root.commands.items():  # type: ignore[attr-defined]
        below = getattr(one, "commands", None)
        yield from (f"{name} {verb}" for verb in below) if below else (name,)


def test_every_act_of_the_api_is_in_the_list_and_every_one_of_the_list_in_the_api() -> None:
    assert {act.api for act in ACTS if act.api is not None} == routes()


def test_every_act_is_a_verb_of_the_command() -> None:
    known = set(verbs())

    assert {act.cli for act in ACTS} - known == set()


def test_every_method_that_changes_something_is_post() -> None:
    methods = {method for item in describe(APP)["paths"].values() for method in item}

    assert methods == {"get", "post"}


def test_names_tell_acts_apart_and_paths_lead_to_them() -> None:
    def example(path: str) -> str:
        return re.sub(r"\{\w+\}", "x1", path)

    assert len(BY_NAME) == len(ACTS)
    for act in ACTS:
        for path in (*filter(None, (act.api,)), *act.console):
            found = act_at(example(path), act.name.rpartition(".")[2])
            assert found is act, path
    assert act_at("/api/nothing") is None


def test_every_form_of_the_console_is_in_the_list_and_every_one_of_the_list_in_the_console() -> None:
    listed = {path for act in ACTS for path in act.console}

    assert listed == set(forms())


def forms() -> Iterator[str]:
    """Return the paths of the console that take POST, one for each act that a route has a parameter for."""
    for part in PARTS:
        for route in part.router.routes:
            if not isinstance(route, APIRoute) or "POST" not in (route.methods or ()):
                continue
            path = ROOT + route.path
            if "{act}" not in path:
                yield path
                continue
            kind = get_type_hints(route.endpoint)["act"]
            acts = part.ACTS if kind is str else kind
            yield from (path.replace("{act}", str(act)) for act in acts)
