"""Route templates of HTTP triggers."""

import pytest

from landfall.local.functions_host.routes import parse_route


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("runs", "runs", {}),
        ("runs", "RUNS", {}),
        ("runs", "runs/1", None),
        ("/runs/", "runs", {}),
        ("runs/{id}", "runs/a%2Fb", {"id": "a/b"}),
        ("runs/{id}", "runs", None),
        ("runs/{id?}", "runs", {}),
        ("runs/{id=7}", "runs", {"id": "7"}),
        ("runs/{id:int}", "runs/-5", {"id": "-5"}),
        ("runs/{id:int}", "runs/x", None),
        ("runs/{id:alpha:length(2)}", "runs/ab", {"id": "ab"}),
        ("runs/{id:alpha:length(2)}", "runs/abc", None),
        (
            "runs/{id:guid}",
            "runs/6f1b7a52-3a0f-5e0c-9a53-0a2c2d1f5c11",
            {"id": "6f1b7a52-3a0f-5e0c-9a53-0a2c2d1f5c11"},
        ),
        ("runs/{n:range(1,3)}", "runs/3", {"n": "3"}),
        ("runs/{n:range(1,3)}", "runs/4", None),
        ("{*rest}", "", {}),
        ("/{*rest}", "a/b", {"rest": "a/b"}),
        ("a/{b}/c/{d?}", "a/1/c", {"b": "1"}),
        ("a/{b}/c/{d?}", "a/1/c/2", {"b": "1", "d": "2"}),
    ],
)
def test_match(template: str, path: str, expected: dict[str, str] | None) -> None:
    segments = [part for part in path.split("/") if part]

    assert parse_route(template).match(segments) == expected


def test_the_most_specific_route_comes_first() -> None:
    templates = ["{*rest}", "runs/{id}", "runs/{id:int}", "runs/latest"]

    ordered = sorted(map(parse_route, templates), key=lambda route: route.rank)

    assert [route.template for route in ordered] == ["runs/latest", "runs/{id:int}", "runs/{id}", "{*rest}"]


@pytest.mark.parametrize("template", ["{id", "{id:colour}", "a{b}c", "{id:length(x)}"])
def test_what_is_not_understood_is_said(template: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        parse_route(template)
