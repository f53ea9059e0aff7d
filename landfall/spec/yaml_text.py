"""Writes plain values as YAML text that people read and edit."""

import io
from typing import Any

from ruamel.yaml import YAML


def yaml_text(value: Any) -> str:
    """Return JSON-like data as YAML in block style, its keys in the order given."""
    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(value, text)
    return text.getvalue()
