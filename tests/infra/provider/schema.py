"""The schema of a Terraform provider, read out of the wheel of its CDK bindings.

Providers cannot be had from the Python index, but bindings generated from their schemas can. A wheel holds two
descriptions of every resource: ``.jsii``, the types with what is required and what is a block, and the generated
JavaScript, which alone knows computed attributes and sets. Together they give all that Terraform asks a provider for.

Run as ``python schema.py WHEEL OUT.json``. Nothing of the wheel is imported or executed.
"""

import io
import json
import re
import sys
import tarfile
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A block: {"attributes": {name: {"type", "required" | "optional" | "computed"}}, "blocks": {name: {"nesting", …}}}.
Block = dict[str, Any]

_ROOTS = {"TerraformResource": "resource", "TerraformDataSource": "data", "TerraformProvider": "provider"}
_ANCHOR = re.compile(r"docs[^}\s]*#([a-z0-9_]+) \w+#\1")
_CLASS = re.compile(r"^class (\w+) extends [\w$]+\.(\w+) \{\n(.*?)^\}", re.S | re.M)
_GETTER = re.compile(r"get \w+\(\) \{\n\s+return (?:[\w.]+\()*this\.get(\w+)Attribute\('(\w+)'\)")
_MEMBER = re.compile(r"^\s+_\w+ = new ([\w.]+)\(this, \"(\w+)\"(?:, (true|false))?\);", re.M)
_STRUCT = re.compile(r"^function (\w+)ToHclTerraform\(struct\) \{(.*?)^\}", re.S | re.M)
_HCL = re.compile(
    r"^\s+(\w+): \{\n\s+value: .*?,\n\s+isBlock: (?:true|false),\n\s+type: \"(\w+)\"", re.S | re.M
)
_TYPE_NAME = re.compile(r'static tfResourceType = "(\w+)"')

_GETTER_TYPES: dict[str, Any] = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
    "NumberList": ["list", "number"],
    "StringMap": ["map", "string"],
    "NumberMap": ["map", "number"],
    "BooleanMap": ["map", "bool"],
    "AnyMap": "dynamic",
}
_PRIMITIVES = {"boolean": "bool", "string": "string", "number": "number"}


@dataclass(frozen=True, slots=True)
class Property:
    """One settable member of a configuration, as ``.jsii`` describes it."""

    required: bool
    is_block: bool
    type: Any


class Bindings:
    """The two descriptions that a wheel holds: types by full name, and JavaScript by module."""

    def __init__(self, wheel: Path) -> None:
        self.types: dict[str, Any] = {}
        sources: dict[str, list[str]] = defaultdict(list)
        with zipfile.ZipFile(wheel) as outer:
            inner = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
            with tarfile.open(fileobj=io.BytesIO(outer.read(inner)), mode="r:gz") as package:
                for member in package:
                    content = package.extractfile(member)
                    if content is None:
                        continue
                    if member.name == "package/.jsii":
                        self.types = json.load(content)["types"]
                    elif member.name.startswith("package/lib/") and member.name.endswith(".js"):
                        text = content.read().decode().partition("//# sourceMappingURL")[0]
                        sources[member.name.split("/")[2]].append(text)
        self.modules = {name: "\n".join(parts) for name, parts in sources.items()}
        self._by_name = {full.rsplit(".", 1)[-1]: full for full in self.types}

    def namespace(self, name: str) -> str:
        """Return the part before the last dot of the full name of type ``name``."""
        return self._by_name.get(name, name).rpartition(".")[0]

    def properties(self, full_name: str) -> dict[str, Property]:
        """Return the settable members of a configuration by their Terraform names."""
        found = {}
        for member in self.types.get(full_name, {}).get("properties", []):
            docs = member.get("docs", {})
            summary = docs.get("summary", "")
            if anchor := _ANCHOR.search(f"{summary} {docs.get('remarks', '')}"):
                name = anchor[1]
                block = summary.endswith(f"{name} block.")
                found[name] = Property(not member.get("optional", False), block, member["type"])
        return found

    def declared(self, member: Property) -> tuple[str, Any]:
        """Return what a member is by its declaration alone: ``("attributes" | "blocks", description)``."""
        kind, struct, many = _declared_type(member.type)
        if member.is_block and struct:
            return "blocks", _nested("list", many=many, required=member.required, block=self._plain(struct))
        return "attributes", {"type": kind, ("required" if member.required else "optional"): True}

    def _plain(self, full_name: str) -> Block:
        block: Block = {"attributes": {}, "blocks": {}}
        for name, member in self.properties(full_name).items():
            where, description = self.declared(member)
            block[where][name] = description
        return block


class Module:
    """One folder of generated JavaScript: a resource with the structs of its blocks."""

    def __init__(self, bindings: Bindings, source: str) -> None:
        self._bindings = bindings
        self._classes = {name: (base, body) for name, base, body in _CLASS.findall(source)}
        self._hcl = {name.lower(): dict(_HCL.findall(body)) for name, body in _STRUCT.findall(source)}
        self.roots = [(name, base, body) for name, (base, body) in self._classes.items() if base in _ROOTS]
        self._namespace = bindings.namespace(f"{self.roots[0][0]}Config") if self.roots else ""

    def block(self, class_name: str, config: str, hcl: dict[str, str]) -> Block:
        """Return the schema of a resource or of one of its blocks.

        Args:
            class_name: The JavaScript class with the getters.
            config: The type with the settable members.
            hcl: Kind of each member, ``set`` or another, by Terraform name.
        """
        settable = self._bindings.properties(f"{self._namespace}.{config}")
        body = self._classes[class_name][1]
        block: Block = {"attributes": {}, "blocks": {}}
        for getter, name in _GETTER.findall(body):
            if (kind := _GETTER_TYPES.get(getter)) is not None:
                if hcl.get(name) == "set":
                    kind = ["set", kind[1]]
                block["attributes"][name] = {"type": kind, **_flag(settable.get(name))}
        for wrapper, name, wraps_set in _MEMBER.findall(body):
            self._add_member(block, wrapper.rpartition(".")[2], name, settable.get(name), wraps_set, hcl)
        for name, member in settable.items():
            if name not in block["attributes"] and name not in block["blocks"]:
                where, description = self._bindings.declared(member)
                block[where][name] = description
        return block

    def _add_member(
        self,
        block: Block,
        wrapper: str,
        name: str,
        member: Property | None,
        wraps_set: str,
        hcl: dict[str, str],
    ) -> None:
        flag = _flag(member)
        suffix = next(
            (
                s
                for s in ("List", "Map")
                if f"{wrapper.removesuffix(s)}OutputReference" in self._classes and wrapper.endswith(s)
            ),
            "",
        )
        reference = f"{wrapper.removesuffix(suffix)}OutputReference" if suffix else wrapper
        if wrapper in _GETTER_TYPES:
            block["attributes"][name] = {"type": _GETTER_TYPES[wrapper], **flag}
        elif reference not in self._classes:
            many = wrapper.endswith(("MapList", "ListList"))
            block["attributes"][name] = {"type": ["list", "dynamic"] if many else "dynamic", **flag}
        else:
            struct = reference.removesuffix("OutputReference")
            inner = self.block(reference, struct, self._hcl.get(struct.lower(), {}))
            is_set = wraps_set == "true" if suffix == "List" else hcl.get(name) == "set"
            nesting = "set" if is_set else "list"
            if member is not None and member.is_block:
                block["blocks"][name] = _nested(
                    nesting, many=suffix == "List", required=member.required, block=inner
                )
            else:
                kind = _object(inner)
                many_of = {"List": [nesting, kind], "Map": ["map", kind], "": kind}[suffix]
                # Settable and yet no block: Terraform takes it written as blocks, and the provider fills it.
                as_blocks = {"computed": True} if member is not None and not member.required else {}
                block["attributes"][name] = {"type": many_of, **flag, **as_blocks}

    def root(self, class_name: str) -> Block:
        body = self._classes[class_name][1]
        return self.block(
            class_name,
            f"{class_name}Config",
            dict(_HCL.findall(body[body.find("synthesizeHclAttributes") :])),
        )


def read_schema(wheel: Path) -> dict[str, Any]:
    """Return ``{"name", "provider": block, "resource": {type: block}, "data": {type: block}}``."""
    bindings = Bindings(wheel)
    schema: dict[str, Any] = {"name": "", "provider": {}, "resource": {}, "data": {}}
    for source in bindings.modules.values():
        if "tfResourceType" not in source:
            continue
        module = Module(bindings, source)
        for class_name, base, body in module.roots:
            type_name = _TYPE_NAME.search(body)
            if type_name is None:
                continue
            block = module.root(class_name)
            if "id" in block["attributes"] and block["attributes"]["id"].get("optional"):
                block["attributes"]["id"]["computed"] = True
            if _ROOTS[base] == "provider":
                schema["name"], schema["provider"] = type_name[1], block
            else:
                schema[_ROOTS[base]][type_name[1]] = block
    return schema


def _flag(member: Property | None) -> dict[str, bool]:
    if member is None:
        return {"computed": True}
    return {"required": True} if member.required else {"optional": True}


def _nested(nesting: str, *, many: bool, required: bool, block: Block) -> dict[str, Any]:
    return {"nesting": nesting, "max": 0 if many else 1, "min": 1 if required else 0, "block": block}


def _object(block: Block) -> list[Any]:
    """Return the type of an object with the members of ``block``, those that may be left out named last."""
    members = {name: described["type"] for name, described in block["attributes"].items()}
    members |= {name: ["list", _object(nested["block"])] for name, nested in block["blocks"].items()}
    return ["object", members, [n for n in members if not block["attributes"].get(n, {}).get("required")]]


def _declared_type(declared: Any) -> tuple[Any, str | None, bool]:
    """Return the Terraform type of a declaration, the struct it names if any, and whether it may repeat."""
    if "primitive" in declared:
        return _PRIMITIVES.get(declared["primitive"], "dynamic"), None, False
    if "union" in declared:
        options = declared["union"]["types"]
        return _declared_type(next(o for o in options if not o.get("fqn", "").endswith("IResolvable")))
    if "collection" in declared:
        kind, struct, _ = _declared_type(declared["collection"]["elementtype"])
        return ["list" if declared["collection"]["kind"] == "array" else "map", kind], struct, True
    return "dynamic", declared["fqn"], False


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(read_schema(Path(sys.argv[1])), separators=(",", ":")))
