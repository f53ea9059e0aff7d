"""`landfall profile`: quality rules that the rows of a table suggest."""

import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from landfall.cli.completing import complete_dataset
from landfall.cli.examples import examples
from landfall.cli.output import Output, OutputFormat, note, show_rows
from landfall.cli.project import invocation
from landfall.wording import counted

if TYPE_CHECKING:
    from landfall.profiling import Profile

_COLUMNS = ("name", "check", "because", "rule")


def register(app: typer.Typer) -> None:
    app.command(
        epilog=examples(
            "landfall profile daily_delays > rules.yml",
            "landfall profile mobility/flights.planes --columns tailnum,built_year --output json",
        )
    )(profile)


def profile(
    context: typer.Context,
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET", help="dataset, or domain/product.dataset", autocompletion=complete_dataset
        ),
    ],
    columns: Annotated[str, typer.Option(metavar="NAME,…", help="Columns to look at; without it, all.")] = "",
    output: Output = OutputFormat.TABLE,
) -> None:
    """Propose quality rules for a dataset from the rows of its table.

    Prints YAML to be pasted under quality: of the dataset, each rule below the figures that suggest it. All rules
    hold for the rows that are there; whether they should hold for those to come only you know.
    """
    from landfall import addresses
    from landfall.metadata.catalog import get_dataset
    from landfall.profiling import profile as read_profile

    here = invocation(context)
    product, found = here.database().read(partial(get_dataset, text=dataset))
    settings = here.settings()
    path = addresses.table_path(product.domain, product.name, found.layer, found.name)
    uri = addresses.abfss_uri(settings.storage_account, addresses.LAKE, path)
    names = tuple(name.strip() for name in columns.split(",") if name.strip())
    taken = frozenset(rule.name for rule in found.quality)
    read = read_profile(settings, uri, columns=names, taken=taken)
    if output is OutputFormat.TABLE:
        print(as_yaml(read), end="")
    else:
        show_rows([_payload(item.rule, item.because) for item in read.proposals], _COLUMNS, output)
    note(f"{product.key}.{found.name}: {counted(read.rows, 'row')}, table version {read.version}")


def as_yaml(profile: "Profile") -> str:
    """Return the proposed rules as a YAML list, each below a comment that says why."""
    return "".join(f"# {item.because}\n- {_flow(item.rule)}\n" for item in profile.proposals)


def _payload(rule: Mapping[str, Any], because: str) -> dict[str, Any]:
    return {"name": rule["name"], "check": rule["check"], "because": because, "rule": dict(rule)}


def _flow(value: Any) -> str:
    """Return a value as YAML in one line; JSON is YAML, but names need no quotes."""
    import json

    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    # What YAML takes only as an escape, and what product files take for a variable.
    text = re.sub("[\x7f-\x9f\ufeff\ufffe\uffff]", _escaped, json.dumps(value, ensure_ascii=False))
    return text.replace("${", "$${")


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
