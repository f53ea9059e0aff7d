"""`landfall config`: settings with the instant from which they count, of the installation or of one product."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from landfall.cli.auditing import doing_on_database
from landfall.cli.completing import complete_product
from landfall.cli.examples import examples
from landfall.cli.output import Output, OutputFormat, note, show_fields, show_rows
from landfall.cli.project import invocation

_COLUMNS = ("name", "value", "origin", "default", "takes", "help")
_HISTORY = ("version", "value", "effective_at", "expires_at", "set_at", "set_by")

Name = Annotated[str, typer.Argument(metavar="NAME", help="category.key, such as runs.retries")]
Product = Annotated[
    str | None,
    typer.Option(help="domain/product; without it, the whole installation.", autocompletion=complete_product),
]


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Settings and when they count.")
    group.command(
        epilog=examples(
            "landfall config get                                          every setting",
            "landfall config get --product mobility/flights               as one product has them",
            "landfall config get limits.nodes --at 2026-12-01T06:00+00:00",
        )
    )(get)
    group.command(
        "set",
        epilog=examples(
            "landfall config set runs.retries 4 --product mobility/flights",
            "landfall config set limits.nodes 200 --effective 2026-12-01T06:00+00:00",
            "landfall config set runs.retries --unset",
        ),
    )(set_)
    group.command(epilog=examples("landfall config history limits.nodes"))(history)
    group.command(epilog=examples("landfall config rollback limits.nodes"))(rollback)
    app.add_typer(group, name="config")


def get(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Without it, every setting.")] = None,
    product: Product = None,
    at: Annotated[str | None, typer.Option(help="Instant with its zone; without it, now.")] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show settings in effect, and who says so: the product, its file, the installation, or the default."""
    from landfall.known_settings import find
    from landfall.metadata.effective import settings_of

    if name is not None:
        find(name)
    instant = _instant(at, "--at") or datetime.now(UTC)
    found = (
        invocation(context).database().read(lambda connection: settings_of(connection, product, at=instant))
    )
    rows = [
        {
            "name": item.setting.name,
            "value": item.text,
            "origin": item.origin,
            "default": item.setting.default,
            "takes": item.setting.form,
            "help": item.setting.help,
        }
        for item in found
        if name in (None, item.setting.name)
    ]
    if name is not None:
        show_fields(rows[0], output)
    else:
        show_rows(rows, _COLUMNS[:4] if output is OutputFormat.TABLE else _COLUMNS, output)


def set_(
    context: typer.Context,
    name: Name,
    value: Annotated[str | None, typer.Argument(metavar="VALUE")] = None,
    unset: Annotated[bool, typer.Option("--unset", help="Take the own value away.")] = False,
    product: Product = None,
    effective: Annotated[
        str | None, typer.Option(help="Instant with its zone from which it counts; without it, now.")
    ] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Give a setting a value from an instant on; runs that are open keep the one they started with."""
    from landfall.accounts import actor
    from landfall.metadata.effective import set_value, value_before

    if (value is None) is not unset:
        raise typer.BadParameter("give a VALUE, or --unset", param_hint="VALUE")
    effective_at, now = _instant(effective, "--effective"), datetime.now(UTC)
    doing = doing_on_database(
        "config.set", now, product=product, subject=name, value=value, effective_at=effective
    )
    database = invocation(context).database()
    version = doing.audited(database).transact(
        lambda connection: set_value(
            connection,
            name,
            value,
            product=product,
            effective_at=effective_at,
            now=now,
            actor=actor(),
        )
    )
    show_fields({"name": name, "product": product, **asdict(version)}, output)
    of_product = f" --product {product}" if product else ""
    if version.effective_at > now:
        note(f"it counts from then on; `landfall config history {name}{of_product}` shows all values")
        return
    before = database.read(lambda connection: value_before(connection, name, product=product, now=now))
    if before is not None:
        note(f"`landfall config rollback {name}{of_product}` takes it back")
    elif value is not None:
        note(f"`landfall config set {name} --unset{of_product}` takes it back")


def history(
    context: typer.Context, name: Name, product: Product = None, output: Output = OutputFormat.TABLE
) -> None:
    """Show every value a setting was given, in the order in which they take effect."""
    from landfall.metadata.effective import values_of

    found = (
        invocation(context).database().read(lambda connection: values_of(connection, name, product=product))
    )
    show_rows([asdict(version) for version in found], _HISTORY, output)


def rollback(
    context: typer.Context, name: Name, product: Product = None, output: Output = OutputFormat.TABLE
) -> None:
    """Give a setting the value it had before the current one, as a new version."""
    from landfall.accounts import actor
    from landfall.metadata.effective import roll_back

    now = datetime.now(UTC)
    doing = doing_on_database("config.rollback", now, product=product, subject=name)
    version = doing.audited(invocation(context).database()).transact(
        lambda connection: roll_back(connection, name, product=product, now=now, actor=actor())
    )
    show_fields({"name": name, "product": product, **asdict(version)}, output)


def _instant(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no instant such as 2026-12-01T06:00+00:00", param_hint=option
        ) from error
    if instant.tzinfo is None:
        raise typer.BadParameter(f"{text!r} lacks its zone: append Z or +01:00", param_hint=option)
    return instant.astimezone(UTC)
