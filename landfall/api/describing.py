"""The OpenAPI description: the framework's, with the bodies that we read ourselves, our refusals and examples.

``examples.json`` holds an answer of each route and status; a test holds them to the schemas.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from landfall.api.body import Body

_REF = "#/components/schemas/{model}"
_PROBLEM = "application/problem+json"
_ETAG = {"ETag": {"description": "Stands for the answer.", "schema": {"type": "string"}}}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of an answer that the caller has; 304 while it still holds.",
    "schema": {"type": "string"},
}
_bodies: dict[str, type[Body]] = {}


def takes(model: type[Body]) -> dict[str, Any]:
    """Return what a route's description says of its body."""
    _bodies[model.__name__] = model
    content = {"application/json": {"schema": {"$ref": _REF.format(model=model.__name__)}}}
    required = any(field.is_required() for field in model.model_fields.values())
    return {"requestBody": {"required": required, "content": content}}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the description of an application's API, made once."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        schemas = found["components"]["schemas"]
        _, defined = models_json_schema(
            [(model, "validation") for model in _bodies.values()], ref_template=_REF
        )
        schemas.update(defined["$defs"])
        # Faults of parameters are 400 problems like those of bodies.
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        examples = json.loads(files("landfall.api").joinpath("examples.json").read_text("utf-8"))
        for name, path in found["paths"].items():
            for method, operation in path.items():
                _complete(operation, method, examples.get(f"{method.upper()} {name}", {}))
        app.openapi_schema = found
    return app.openapi_schema


def _complete(operation: dict[str, Any], method: str, examples: Mapping[str, Any]) -> None:
    """Add to an operation what every read or every act answers with, and the examples."""
    responses = operation["responses"]
    responses.pop("422", None)
    for status, example in examples.items():
        responses[status]["content"]["application/json"]["example"] = example
    for status, response in responses.items():
        if int(status) >= 400 and (content := response.get("content")):
            # Refusals have a media type of their own; only health is unwell in plain JSON.
            schema = content["application/json"]["schema"]
            if schema.get("$ref", "").endswith("/Problem"):
                response["content"] = {_PROBLEM: {"schema": schema}}
    if method == "get":
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
        responses["304"] = {"description": "The caller has the answer already.", "headers": _ETAG}
        responses["200"]["headers"] = _ETAG
    else:
        problem = {_PROBLEM: {"schema": {"$ref": _REF.format(model="Problem")}}}
        responses["413"] = {"description": "The body is larger than any act needs.", "content": problem}
        responses["415"] = {"description": "The body is not sent as JSON.", "content": problem}
