"""The cases: YAML files of what is given and done, and beside each the verdict that every engine must reach."""

import base64
import bz2
import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.contract.engines.typed_files import content_of, table_of
from tests.integration.spark_runtime.workbench import columns_of

FOLDER = Path(__file__).parent
EXPECTED = FOLDER / "expected"
# Not part of a verdict: messages are the engines' own words.
PASSING = ("message", "seconds")


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its name as ``file/name``, and what the runner takes."""

    id: str
    document: dict[str, Any]


def load_cases() -> list[Case]:
    """Return all cases, by file and in their order; no two have one name."""
    expected = load_expected()
    cases = [case for path in sorted((FOLDER / "cases").glob("*.yml")) for case in _of_file(path)]
    for case in cases:
        known = expected.get(case.id, {})
        if any("error" in found for found in (known, known.get("on_sail", {}))):
            case.document["table"] = None  # It would spoil the others.
    names = [case.id for case in cases]
    repeated = {name for name in names if names.count(name) > 1}
    assert not repeated, f"these cases are there twice: {sorted(repeated)}"
    return cases


def load_expected() -> dict[str, dict[str, Any]]:
    """Return the expected verdict by case."""
    return {
        f"{path.stem}/{name}": found
        for path in sorted(EXPECTED.glob("*.json"))
        for name, found in json.loads(path.read_text()).items()
    }


def verdict_of(found: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key not in PASSING}


def _of_file(path: Path) -> Iterator[Case]:
    document = YAML(typ="safe").load(path.read_text())
    inputs = document.get("inputs", {})
    is_delta = document.get("delta", False)
    for case in document.get("cases", ()):
        yield _case(path.stem, str(case["name"]), {"delta": is_delta} | case, inputs)
    for group in document.get("expressions", ()):
        for entry in group["each"]:
            yield _case(path.stem, f"{group['on']}: {entry}", _expression(group, str(entry)), inputs)


def _expression(group: Mapping[str, Any], text: str) -> dict[str, Any]:
    if group.get("as") == "measure":
        step: dict[str, Any] = {"aggregate": {"by": group.get("by", []), "measures": {"x": text}}}
    elif group.get("as") == "query":
        step = {"sql": text}
    else:
        step = {"select": [group.get("key", "id"), f"{text} AS x"]}
    # A window of time leaves rows out that have no time, and those of its neighbours with them.
    table = group["on"] if "select" in step and "window(" not in text else None
    return {"on": [group["on"]], "steps": [step], "table": table}


def _case(file: str, name: str, case: Mapping[str, Any], inputs: Mapping[str, str]) -> Case:
    nodes = [_node(node, case, inputs) for node in case.get("nodes", [case])]
    identity = f"{file}/{name}"
    document = {"id": identity, "nodes": nodes, "table": case.get("table"), "delta": case.get("delta", False)}
    return Case(identity, document)


def _node(node: Mapping[str, Any], case: Mapping[str, Any], inputs: Mapping[str, str]) -> dict[str, Any]:
    asked = {**case, **node}
    files = [_file(file) for file in asked.get("files", ())]
    ingests = bool(files) or asked.get("ingests", False)
    write = {"mode": "append" if ingests else "overwrite", "keys": []} | asked.get("write", {})
    return {
        "inputs": {name: inputs.get(name, name) for name in asked.get("on", ())} | asked.get("given", {}),
        "files": files,
        "format": asked.get("format", "csv"),
        "options": asked.get("options", {}),
        "drift": asked.get("drift", "quarantine"),
        "columns": columns_of(asked.get("columns", "")),
        "reads": asked.get("reads", []),
        "to": asked.get("to", "out"),
        "load": asked.get("load"),
        "steps": [_step(kind, config) for step in asked.get("steps", []) for kind, config in step.items()],
        "rules": [
            {"filter": None, "severity": "quarantine"} | _rule(rule) for rule in asked.get("rules", ())
        ],
        "write": write,
        "output": asked.get("output", {}),
        "former_rows": asked.get("former_rows", []),
        "ingests": ingests,
        "act": _act(asked["act"]) if "act" in asked else None,
        "run": asked.get("run", "r1"),
        "run_date": asked.get("run_date", "2024-03-01"),
        "attempt": asked.get("attempt", 1),
    }


def _act(act: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a node does with rows in quarantine, given as ``{release: {rules: […]}}``."""
    ((does, chosen),) = act.items()
    return {"act": does, "rules": [], "runs": [], "files": [], "by": "ada", "reason": "why", **chosen}


def _step(kind: str, config: Any) -> dict[str, Any]:
    if kind == "python":
        config = config | {"sha256": hashlib.sha256(config["source"].encode()).hexdigest()}
    return {"type": kind, "config": config}


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    plain = ("name", "check", "severity", "filter", "max_failed_rows", "max_failed_share")
    config = {key: value for key, value in rule.items() if key not in plain}
    return {"name": "rule", **{key: rule[key] for key in plain if key in rule}, "config": config}


def _file(file: Any) -> dict[str, Any]:
    """Return name and bytes of a landed file, and of those beside it that it names.

    Texts are UTF-8; ``{name, text, encoding}`` says more, ``hex`` gives bytes, ``rows`` those of a format that knows
    types, ``commit`` a version of a Delta table, ``cut`` leaves the last bytes out.
    """
    given = {"text": file} if isinstance(file, str) else dict(file)
    if "commit" in given:
        path, content, beside = table_of(given)
        others = {other: base64.b64encode(held).decode() for other, held in beside.items()}
        return {"name": path, "base64": base64.b64encode(content).decode(), "beside": others}
    name = given.get("name", "landed.csv")
    if "hex" in given:
        content = bytes.fromhex(given["hex"])
    elif "rows" in given:
        content = content_of(given)
    else:
        content = given["text"].encode(given.get("encoding", "utf-8")) * int(given.get("times", 1))
    if name.endswith(".gz"):
        content = gzip.compress(content, mtime=0)
    elif name.endswith(".bz2"):
        content = bz2.compress(content)
    elif name.endswith(".zip"):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as files:
            files.writestr(zipfile.ZipInfo("inner.csv"), content)
        content = archive.getvalue()
    if "cut" in given:
        content = content[: -int(given["cut"])]
    return {"name": name, "base64": base64.b64encode(content).decode()}
