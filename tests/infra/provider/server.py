"""Terraform providers that know their schemas and nothing else: enough for validate, plan and test, offline.

Run as ``python server.py SPEC.json`` in an environment that has the package ``tf``. SPEC names for each provider
the file of its schema and the types to serve. One line goes to standard output: for each of the two forms below the
value of ``TF_REATTACH_PROVIDERS``, by which Terraform uses a provider that runs already. Ends when its input ends.

- ``unknown``: ids are not known before they are applied, as with the real provider.
- ``named``: the id of a resource or data source is ``TYPE/NAME``, so that a plan shows what refers to what.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import msgpack
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc

# Values that Azure takes for some arguments; nested as the blocks are. The schemas do not have them.
_VALUES: dict[str, Any] = json.loads(Path(__file__).with_name("values.json").read_text())

# What is a number, written as text.
_NUMBERED = {("databricks_job", "id"): "1001", ("azurerm_databricks_workspace", "workspace_id"): "2002"}

# How msgpack writes a value that Terraform does not know yet.
_UNKNOWN = msgpack.ExtType(0, b"\0")


class SchemaProvider(rpc.ProviderServicer):  # type: ignore[misc]  # generated without types
    """One provider in one of the two forms."""

    def __init__(self, schema: dict[str, Any], *, names_ids: bool) -> None:
        self._schema = schema
        self._names_ids = names_ids

    # The names and signatures are those of the protocol.

    def GetMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        answer = pb.GetMetadata.Response
        return answer(
            server_capabilities=pb.ServerCapabilities(get_provider_schema_optional=False),
            resources=[pb.GetMetadata.ResourceMetadata(type_name=name) for name in self._schema["resource"]],
            data_sources=[pb.GetMetadata.DataSourceMetadata(type_name=name) for name in self._schema["data"]],
        )

    def GetProviderSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.GetProviderSchema.Response(
            provider=_schema_message(self._schema["provider"]),
            resource_schemas={n: _schema_message(b) for n, b in self._schema["resource"].items()},
            data_source_schemas={n: _schema_message(b) for n, b in self._schema["data"].items()},
        )

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        allowed = _VALUES.get(request.type_name, {})
        return pb.ValidateResourceConfig.Response(
            diagnostics=[
                pb.Diagnostic(
                    severity=pb.Diagnostic.ERROR,
                    summary="Value not allowed",
                    detail=f"{found!r} is not one of {', '.join(wanted)}",
                    attribute=pb.AttributePath(steps=steps),
                )
                for steps, found, wanted in _wrong_values(allowed, _decode(request.config), [])
            ]
        )

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.ValidateDataResourceConfig.Response()

    def ConfigureProvider(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.ConfigureProvider.Response()

    def UpgradeResourceState(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.UpgradeResourceState.Response()

    def StopProvider(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.StopProvider.Response()

    def PlanResourceChange(self, request: Any, context: Any) -> Any:  # noqa: N802
        proposed = _decode(request.proposed_new_state)
        kind = request.type_name

        def computed(name: str, _type: Any) -> Any:
            return f"{kind}/{proposed['name']}" if name == "id" and self._has_named_id(proposed) else _UNKNOWN

        planned = _fill(proposed, self._schema["resource"][kind], computed)
        return pb.PlanResourceChange.Response(planned_state=_encode(planned))

    def ReadDataSource(self, request: Any, context: Any) -> Any:  # noqa: N802
        config = _decode(request.config)
        kind = request.type_name
        named = config.get("name")

        def computed(name: str, type_: Any) -> Any:
            if (kind, name) in _NUMBERED:
                return _NUMBERED[kind, name]
            if name == "id" and named:
                return f"{kind}/{named}"
            return _some_value(type_, f"{named or kind}.{name}")

        state = _fill(config, self._schema["data"][kind], computed)
        return pb.ReadDataSource.Response(state=_encode(state))

    def _has_named_id(self, proposed: Any) -> bool:
        return self._names_ids and isinstance(proposed.get("name"), str)


def _wrong_values(
    allowed: dict[str, Any], config: Any, above: list[Any]
) -> Iterator[tuple[list[Any], str, list[str]]]:
    """Yield the path, the value and what is allowed instead, for every value that is known and wrong."""
    for name, wanted in allowed.items():
        value = config.get(name) if isinstance(config, dict) else None
        steps = [*above, pb.AttributePath.Step(attribute_name=name)]
        if isinstance(wanted, list):
            for found in value if isinstance(value, list) else [value]:
                if isinstance(found, str) and found not in wanted:
                    yield steps, found, wanted
        elif isinstance(value, list):
            for index, block in enumerate(value):
                yield from _wrong_values(
                    wanted, block, [*steps, pb.AttributePath.Step(element_key_int=index)]
                )


def _schema_message(block: dict[str, Any]) -> Any:
    return pb.Schema(version=0, block=_block_message(block))


def _block_message(block: dict[str, Any]) -> Any:
    attributes = [
        pb.Schema.Attribute(
            name=name,
            type=json.dumps(described["type"]).encode(),
            **{flag: True for flag in ("required", "optional", "computed") if described.get(flag)},
        )
        for name, described in sorted(block["attributes"].items())
    ]
    nested = [
        pb.Schema.NestedBlock(
            type_name=name,
            nesting=getattr(pb.Schema.NestedBlock, inner["nesting"].upper()),
            min_items=inner["min"],
            max_items=inner["max"],
            block=_block_message(inner["block"]),
        )
        for name, inner in sorted(block["blocks"].items())
    ]
    return pb.Schema.Block(version=0, attributes=attributes, block_types=nested)


def _fill(value: Any, block: dict[str, Any], computed: Any) -> Any:
    """Give ``value``, an object of the shape of ``block``, what the provider would compute."""
    if not isinstance(value, dict):
        return value
    for name, described in block["attributes"].items():
        if described.get("computed") and value.get(name) is None:
            value[name] = computed(name, described["type"])
    for name, inner in block["blocks"].items():
        if isinstance(value.get(name), list):
            value[name] = [_fill(element, inner["block"], computed) for element in value[name]]
    return value


def _some_value(type_: Any, text: str) -> Any:
    if isinstance(type_, str):
        return {"string": text, "number": 0, "bool": False}.get(type_)
    if type_[0] == "object":
        return {name: _some_value(inner, f"{text}.{name}") for name, inner in type_[1].items()}
    return {} if type_[0] == "map" else [_some_value(type_[1], text)]


def _decode(message: Any) -> Any:
    return msgpack.unpackb(message.msgpack, strict_map_key=False) if message.msgpack else None


def _encode(value: Any) -> Any:
    return pb.DynamicValue(msgpack=msgpack.packb(value))


def _serve(provider: SchemaProvider, address: Path) -> grpc.Server:
    server = grpc.server(
        futures.ThreadPoolExecutor(8),
        options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)],
    )
    rpc.add_ProviderServicer_to_server(provider, server)
    server.add_insecure_port(f"unix://{address}")
    server.start()
    return server


def main(spec: dict[str, Any]) -> None:
    servers = []
    attached: dict[str, dict[str, Any]] = {"named": {}, "unknown": {}}
    with tempfile.TemporaryDirectory() as folder:
        for source, wanted in spec.items():
            schema = json.loads(Path(wanted["schema"]).read_text())
            for kind in ("resource", "data"):
                schema[kind] = {n: b for n, b in schema[kind].items() if n in wanted["types"]}
            for form, sockets in attached.items():
                address = Path(folder, f"{schema['name']}.{form}")
                servers.append(_serve(SchemaProvider(schema, names_ids=form == "named"), address))
                sockets[source] = {
                    "Protocol": "grpc",
                    "ProtocolVersion": 6,
                    "Pid": os.getpid(),
                    "Test": True,
                    "Addr": {"Network": "unix", "String": str(address)},
                }
        print(json.dumps({form: json.dumps(sockets) for form, sockets in attached.items()}), flush=True)
        sys.stdin.read()
        for server in servers:
            server.stop(None)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
