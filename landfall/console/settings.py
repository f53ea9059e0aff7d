"""Configuration: what is in effect, of the installation or one product, its history, and changing it."""

from dataclasses import replace

from fastapi import APIRouter, Request, Response

from landfall.api import config
from landfall.api.access import of_filter
from landfall.api.identity import Caller, Viewer, backend_of
from landfall.console.acts import NOTHING_SENT, ActPage, Sent
from landfall.console.address import page
from landfall.console.command_lines import command
from landfall.console.forms import Choice
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute, back_of, perform, read_form, refused_form, see_other
from landfall.errors import LandfallError
from landfall.known_settings import find
from landfall.metadata.catalog import list_product_keys
from landfall.metadata.effective import SettingInThePast, settings_of, value_before, values_of
from landfall.roles import Role

router = APIRouter(route_class=PageRoute)


@router.get("/configuration")
def show_settings(request: Request, caller: Caller) -> Response:
    """Show every setting as it is in effect."""
    product = here(request).parameters.get("product")
    of_filter(caller, product)
    backend = backend_of(request)
    now = backend.now()
    found, products = backend.database.read(
        lambda connection: (
            settings_of(connection, product, at=now),
            list_product_keys(connection, scope=caller.scope),
        )
    )
    return render(
        request,
        caller,
        "settings/list.html",
        section="configuration",
        settings=found,
        products=products,
        product=product,
    )


@router.get("/configuration/{name}")
def show_setting(request: Request, caller: Caller, name: str) -> Response:
    """Show one setting with every value it was given."""
    product = here(request).parameters.get("product")
    of_filter(caller, product)
    setting = find(name)
    backend = backend_of(request)
    now = backend.now()
    found, versions, products = backend.database.read(
        lambda connection: (
            next(item for item in settings_of(connection, product, at=now) if item.setting.name == name),
            values_of(connection, name, product=product),
            list_product_keys(connection, scope=caller.scope),
        )
    )
    return render(
        request,
        caller,
        "settings/show.html",
        section="configuration",
        setting=setting,
        found=found,
        versions=tuple(reversed(versions)),
        now=now,
        product=product,
        products=products if setting.per_product else (),
        may_set=_may_set(caller, product),
    )


@router.get("/configuration/{name}/set")
def show_set(request: Request, caller: Caller, name: str) -> Response:
    """Ask for a value."""
    product = here(request).parameters.get("product")
    _require(caller, product)
    return _set_form(request, caller, name, product)


@router.post("/configuration/{name}/set")
async def do_set(request: Request, caller: Caller, name: str) -> Response:
    """Give a setting a value; one that it does not take is shown in the form."""
    fields = await read_form(request)
    product = fields.get("product")
    _require(caller, product)
    body: dict[str, str | None] = {"value": None if "unset" in fields else fields.get("value", "")}
    body |= {key: fields[key] for key in ("product", "effective_at") if key in fields}
    try:
        await perform(request, caller, config.request_set, name, body)
    except SettingInThePast as error:
        sent = Sent(fields, {"effective_at": (str(error),)})
        return _set_form(request, caller, name, product, sent)
    except LandfallError as error:
        sent = refused_form(error, fields, _SET_FIELDS)
        return _set_form(request, caller, name, product, sent)
    return see_other(back_of(fields, page("configuration", name, product=product)))


_SET_FIELDS = (
    Choice("value", "Value", required=True),
    Choice(
        "effective_at",
        "From when on",
        help="An instant with its zone, such as 2026-12-01T06:00Z; empty for now.",
    ),
    Choice("unset", "Take the own value away", "flag", "What counts then is what comes after it in order."),
)


def _set_form(
    request: Request, caller: Viewer, name: str, product: str | None, sent: Sent = NOTHING_SENT
) -> Response:
    setting = find(name)
    backend = backend_of(request)
    now = backend.now()
    found = backend.database.read(lambda connection: settings_of(connection, product, at=now))
    current = next(item for item in found if item.setting.name == name)
    shown = ActPage(
        title=f"Set {name}" + (f" of {product}" if product else ""),
        says=(setting.help, "Runs that go on keep what they began with."),
        address=page("configuration", name, "set"),
        back=back_of(sent.fields, page("configuration", name, product=product)),
        submit="Set it",
        line=command("config", "set", name, "VALUE", product=product),
        sent=sent,
    )
    value, *others = _SET_FIELDS
    value = replace(
        value,
        kind="one" if setting.choices else "text",
        help=f"It takes {setting.form}.",
        value=current.text or "",
        options=tuple((choice, choice) for choice in setting.choices),
    )
    return render(
        request,
        caller,
        "form.html",
        section="configuration",
        status=400 if sent.faults else 200,
        act=shown,
        fields=(value, *others),
        hidden=_of(product),
    )


@router.get("/configuration/{name}/rollback")
def show_rollback(request: Request, caller: Caller, name: str) -> Response:
    """Say what going back does, and ask for it."""
    product = here(request).parameters.get("product")
    _require(caller, product)
    now = backend_of(request).now()
    before = backend_of(request).database.read(
        lambda connection: value_before(connection, name, product=product, now=now)
    )
    shown = ActPage(
        title=f"Set {name} back?",
        says=(
            f"The value that was in effect before counts again from now on: {before.value or 'none of its own'}."
            if before is not None
            else "It has had no earlier value to go back to.",
            "Runs that go on keep what they began with.",
        ),
        address=page("configuration", name, "rollback"),
        back=str(page("configuration", name, product=product)),
        submit="Set it back" if before is not None else None,
        danger=True,
        line=command("config", "rollback", name, product=product),
    )
    return render(
        request, caller, "form.html", section="configuration", act=shown, fields=(), hidden=_of(product)
    )


@router.post("/configuration/{name}/rollback")
async def do_rollback(request: Request, caller: Caller, name: str) -> Response:
    """Give a setting the value it had before."""
    fields = await read_form(request)
    product = fields.get("product")
    _require(caller, product)
    await perform(request, caller, config.request_rollback, name, _of(product))
    return see_other(back_of(fields, page("configuration", name, product=product)))


def _of(product: str | None) -> dict[str, str]:
    return {"product": product} if product else {}


def _may_set(caller: Viewer, product: str | None) -> bool:
    if product is None:
        return caller.may(Role.ADMIN, None)
    return caller.may(Role.OWNER, product.partition("/")[0])


def _require(caller: Viewer, product: str | None) -> None:
    """Let only those pass who decide about a product, or about the whole installation."""
    of_filter(caller, product)
    if product is None:
        caller.require(Role.ADMIN, None)
    else:
        caller.require(Role.OWNER, product.partition("/")[0])
