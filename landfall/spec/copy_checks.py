"""Checks of sources that are copied, and of what is copied from them."""

import re
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from landfall.spec.connections import is_key_vault_reference
from landfall.spec.copying import AfterCopy, Copy, Engine, WatermarkKind, watermark_kind
from landfall.spec.draft import Draft
from landfall.spec.faults import nearest_remedy
from landfall.spec.landing_patterns import match_path
from landfall.spec.model import Column, Dataset, FileFormat, Product, Source, SourceType
from landfall.spec.yaml_source import Key

_OF_DATABASES: Final = ("table", "filter", "partitions")
_OF_APIS: Final = ("items", "next_page")
_OF_FILES: Final = (SourceType.SFTP, SourceType.SHARE)
_WITH_ROWVERSION: Final = (Engine.SQLSERVER, Engine.AZURE_SQL)


def check_copies(draft: Draft, product: Product) -> None:
    """Add to the draft what is wrong with sources that are copied and with what is copied for each dataset."""
    sources = {source.name: (index, source) for index, source in enumerate(product.sources)}
    for index, source in enumerate(product.sources):
        _check_sign_in(draft, index, source)
    for index, dataset in enumerate(product.datasets):
        if dataset.copy is None:
            continue
        at: tuple[Key, ...] = ("datasets", index, "copy")
        if dataset.source not in sources:
            if dataset.source is None:
                draft.report(at, "LF1030", f"'{dataset.name}' has copy but no source", "add source:")
            continue
        number, source = sources[dataset.source]
        if source.type is SourceType.FILE:
            message = f"the files of source '{source.name}' land by themselves, so nothing is copied from it"
            draft.report(at, "LF1030", message, "remove copy:, or write the type of the source")
            continue
        _check_kind(draft, at, number, dataset.copy, source)
        _check_watermark(draft, at, dataset, dataset.copy, source)
        _check_landing(draft, index, dataset, dataset.copy, source)


def _check_sign_in(draft: Draft, index: int, source: Source) -> None:
    at: tuple[Key, ...] = ("sources", index)
    connection = source.connection or ""
    if source.engine is not None and source.type is not SourceType.DATABASE:
        message = f"source '{source.name}' is no database, so it has no engine"
        draft.report((*at, "engine"), "LF1030", message, "remove engine:")
    by_secret = source.engine in (Engine.SQLSERVER, Engine.POSTGRESQL, Engine.ORACLE)
    if by_secret and connection and not is_key_vault_reference(connection):
        message = f"{source.engine} signs in with what a secret holds"
        draft.report((*at, "connection"), "LF1030", message, "write keyvault:<secret name>")
    if source.type is SourceType.SFTP:
        if connection and not connection.startswith("sftp://"):
            message = f"'{connection}' is no address of an SFTP server"
            draft.report((*at, "connection"), "LF1021", message, "write sftp://user@host")
        if source.secret is None:
            message = f"source '{source.name}' has no password"
            draft.report(at, "LF1021", message, "add secret: keyvault:<secret name>")
        if source.host_key is None:
            message = (
                f"nothing says by what source '{source.name}' is known, and anybody could stand in for it"
            )
            draft.report(at, "LF1021", message, "add host_key: with the fingerprint that its operator names")
    elif source.host_key is not None:
        draft.report((*at, "host_key"), "LF1030", "host_key is for an SFTP server", "remove it")
    if source.type is SourceType.SHARE:
        _check_share(draft, at, source)
    if source.secret is not None and source.audience is not None:
        message = "an API is signed in to with a secret or with an identity"
        draft.report((*at, "audience"), "LF1030", message, "remove secret: or audience:")
    if source.audience is not None and source.type is not SourceType.API:
        draft.report((*at, "audience"), "LF1030", "audience is for an API", "remove it")
    if source.secret is not None and source.type in (SourceType.FILE, SourceType.DATABASE):
        message = "secret goes with the address of an API or a file server"
        draft.report((*at, "secret"), "LF1030", message, "remove it; a database has connection: keyvault:…")


def _check_share(draft: Draft, at: tuple[Key, ...], source: Source) -> None:
    connection = source.connection or ""
    files = re.fullmatch(r"https://[a-z0-9]+\.file\.core\.windows\.net/[a-z0-9-]+", connection)
    server = re.fullmatch(r"smb://[^/@]+@[^/]+/[^/]+", connection)
    if connection and not files and not server:
        message = f"'{connection}' is no address of a share"
        remedy = "write smb://user@host/share, or https://ACCOUNT.file.core.windows.net/SHARE of Azure Files"
        draft.report((*at, "connection"), "LF1021", message, remedy)
    if server and source.secret is None:
        draft.report(
            at, "LF1021", f"source '{source.name}' has no password", "add secret: keyvault:<secret name>"
        )
    if files and source.secret is not None:
        message = "a share of Azure Files is signed in to with the identity of the factory"
        draft.report((*at, "secret"), "LF1030", message, "remove it")


def _check_kind(draft: Draft, at: tuple[Key, ...], number: int, copy: Copy, source: Source) -> None:
    """Check that a copy says what its kind of source needs, and nothing that means nothing to it."""
    database = source.type is SourceType.DATABASE
    if database and copy.table is None:
        draft.report(at, "LF1021", "nothing says which table is copied", "add table: schema.table")
    if database and source.engine is None:
        message = f"nothing says what kind of database '{source.name}' is, and a table is copied from it"
        draft.report(("sources", number), "LF1021", message, f"add engine: one of {', '.join(Engine)}")
    if not database and copy.path is None:
        draft.report(at, "LF1021", "nothing says what is copied", "add path:")
    if source.type in _OF_FILES and set("*?[") & set((copy.path or "").rpartition("/")[0]):
        message = f"'{copy.path}' has a wildcard in a folder"
        draft.report((*at, "path"), "LF1021", message, "write one only in the name of the file")
    needless = [name for name in ("path",) if database and getattr(copy, name) is not None]
    needless += [name for name in _OF_DATABASES if not database and getattr(copy, name) is not None]
    if source.type is not SourceType.API:
        needless += [name for name in _OF_APIS if getattr(copy, name) is not None]
    if copy.after is AfterCopy.DELETE and source.type not in _OF_FILES:
        needless.append("after")
    for name in needless:
        message = f"{name} means nothing for a source of type {source.type}"
        draft.report((*at, name), "LF1030", message, "remove it")
    _check_format(draft, number, source)
    if copy.filter is not None and source.engine is not None:
        problem = _filter_problem(copy.filter, source.engine)
        if problem is not None:
            draft.report((*at, "filter"), "LF1050", problem, f"write one condition in SQL of {source.engine}")


def _check_format(draft: Draft, number: int, source: Source) -> None:
    """Check that what is copied from a source is written as something that a copy can write."""
    if source.type is SourceType.DATABASE and source.format is not FileFormat.PARQUET:
        message = f"rows of a database are copied as parquet, not as {source.format}"
        draft.report(("sources", number, "format"), "LF1030", message, "remove format:")
    if source.type is SourceType.API and source.format not in (FileFormat.JSON, FileFormat.PARQUET):
        message = f"answers of an API are copied as json or parquet, not as {source.format}"
        draft.report(("sources", number, "format"), "LF1030", message, "write one of the two")
    if source.type in _OF_FILES and source.format is None:
        draft.report(("sources", number), "LF1021", f"source '{source.name}' has no format", "add format:")


def _filter_problem(text: str, engine: Engine) -> str | None:
    try:
        parsed = sqlglot.parse(f"SELECT 1 FROM t WHERE ({text})", read=engine.parser)  # noqa: S608 - never run
    except SqlglotError as error:
        return f"this is no condition: {str(error).splitlines()[0]}"
    if len(parsed) != 1 or not isinstance(parsed[0], exp.Select) or "--" in text or "/*" in text:
        return "this is more than one condition"
    where = parsed[0].args.get("where")
    # What closes the parenthesis that was put around it would be something else where the copy writes it.
    if where is None or not isinstance(where.this, exp.Paren) or set(_clauses(parsed[0])) - {"where"}:
        return "this is more than one condition"
    return None


def _clauses(select: exp.Select) -> list[str]:
    return [
        name
        for name, value in select.args.items()
        if value and name not in ("expressions", "from_", "from", "kind")
    ]


def _check_watermark(draft: Draft, at: tuple[Key, ...], dataset: Dataset, copy: Copy, source: Source) -> None:
    mark = copy.watermark
    if mark is None:
        return
    if source.type in _OF_FILES:
        message = "files of a server have no watermark"
        draft.report((*at, "watermark"), "LF1030", message, "remove it; after: delete takes each file once")
        return
    if source.type is SourceType.API and mark.parameter is None:
        message = "nothing says how the API is asked for what is new"
        draft.report((*at, "watermark"), "LF1021", message, "add parameter: of the query")
    if source.type is SourceType.DATABASE and mark.parameter is not None:
        draft.report((*at, "watermark", "parameter"), "LF1030", "a table has no parameter", "remove it")
    names = [column.source_name or column.name for column in dataset.columns]
    column = next((item for item in dataset.columns if _is_called(item, mark.column)), None)
    if column is None:
        message = f"'{dataset.name}' has no column '{mark.column}' whose type says what the watermark is"
        draft.report((*at, "watermark"), "LF1042", message, nearest_remedy(mark.column, names))
        return
    kind = watermark_kind(column.type)
    known = kind is not None and (kind is not WatermarkKind.ROWVERSION or source.engine in _WITH_ROWVERSION)
    if not known or (source.type is SourceType.API and kind is not WatermarkKind.INSTANT):
        wanted = (
            "timestamp" if source.type is SourceType.API else "a whole number, decimal, date, or timestamp"
        )
        message = f"'{mark.column}' is {column.type}, whose order says nothing about what is new"
        draft.report((*at, "watermark"), "LF1030", message, f"name a column that is {wanted}")
    if mark.delay_s and kind not in (WatermarkKind.INSTANT, WatermarkKind.LOCAL_TIME):
        message = f"'{mark.column}' is {column.type}, of which nothing says how old a row is"
        draft.report((*at, "watermark", "delay"), "LF1030", message, "remove delay:")


def _is_called(column: Column, name: str) -> bool:
    return (column.source_name or column.name).lower() == name.lower()


def _check_landing(draft: Draft, index: int, dataset: Dataset, copy: Copy, source: Source) -> None:
    if dataset.complete is not None:
        message = f"'{dataset.name}' is copied, and a copy is complete in itself"
        draft.report(("datasets", index, "landing", "complete"), "LF1030", message, "remove complete:")
    example = example_of_copy(dataset, copy, source)
    if dataset.landing is None or match_path(dataset.landing, example) is not None:
        return
    message = f"what is copied would not match '{dataset.landing}', for example {example}"
    remedy = f'write landing: {{path: "{dataset.name}/*.parquet"}}, or leave it out'
    draft.report(("datasets", index, "landing", "path"), "LF1026", message, remedy)


def copy_folder(dataset: Dataset) -> str:
    """Return the folder into which a dataset is copied: what of its landing path holds no wildcard."""
    folders = (dataset.landing or "").split("/")[:-1]
    plain: list[str] = []
    for name in folders:
        if set("*?{") & set(name):
            break
        plain.append(name)
    return "/".join(plain)


def copy_extension(source: Source) -> str:
    """Return how the names of copied files end."""
    return (source.format or FileFormat.PARQUET).value


def example_of_copy(dataset: Dataset, copy: Copy, source: Source) -> str:
    """Return a path that a copy may write."""
    folder = copy_folder(dataset)
    if source.type in _OF_FILES:
        # Of files a folder for each copy, with the files as they are called.
        name = f"20260131T120000Z/{(copy.path or '').rpartition('/')[2].replace('*', 'x')}"
    elif copy.watermark is not None:
        name = f"00000001_2026-01-31.{copy_extension(source)}"
    else:
        name = f"20260131T120000Z.{copy_extension(source)}"
    return f"{folder}/{name}".lstrip("/")
