"""The OpenAPI description: the framework's, with the bodies that we read ourselves, our refusals and examples.

``examples.json`` holds an answer of each route and status; a test holds them to the schemas.
"""

import json
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from landfall.api.body import Body

_REF = "#/components/schemas/{model}"
_METHODS = ("get", "post", "put", "delete", "patch")
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
            for method in _METHODS:
                for status, example in examples.get(f"{method.upper()} {name}", {}).items():
                    path[method]["responses"][status]["content"]["application/json"]["example"] = example
                path.get(method, {}).get("responses", {}).pop("422", None)
                for status, response in path.get(method, {}).get("responses", {}).items():
                    if int(status) >= 400 and (content := response.get("content")):
                        # Refusals have a media type of their own; only health is unwell in plain JSON.
                        schema = content["application/json"]["schema"]
                        if schema.get("$ref", "").endswith("/Problem"):
                            response["content"] = {"application/problem+json": {"schema": schema}}
        app.openapi_schema = found
    return app.openapi_schema
