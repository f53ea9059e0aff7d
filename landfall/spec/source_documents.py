"""The shape of sources and landed columns in a product file."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from landfall.spec.connections import is_key_vault_reference
from landfall.spec.copying import Engine
from landfall.spec.datetime_patterns import pattern_fault
from landfall.spec.document import Document, text_or_list
from landfall.spec.fields import (
    Character,
    ColumnName,
    Connection,
    Encoding,
    MaybeCharacter,
    Name,
    PositiveInt,
    Text,
    TypeName,
    fault,
)
from landfall.spec.model import FileFormat, SourceType

NullTexts = Annotated[
    Annotated[Text, Tag("text")] | Annotated[list[Text], Tag("list")], Discriminator(text_or_list)
]
Sheet = Annotated[
    Annotated[Text, Tag("text")] | Annotated[PositiveInt, Tag("number")],
    Discriminator(lambda value: "text" if isinstance(value, str) else "number"),
]


def _check_pattern(value: str) -> str:
    problem = pattern_fault(value)
    if problem is not None:
        raise fault(
            "LF1028", f"date pattern {problem}", "write one such as dd.MM.yyyy or yyyy-MM-dd HH:mm:ss"
        )
    return value


def _check_separator(value: str) -> str:
    # A sign among the digits would be taken out of a number with the separators.
    if len(value) != 1 or value.isalnum() or value in "+-":
        message = f"'{value}' must be one character that is neither letter nor digit nor sign"
        raise fault("LF1021", message, "write one character in quotes")
    return value


def _check_secret(value: str) -> str:
    if not is_key_vault_reference(value):
        # Left out of the message: it may be the secret itself.
        raise fault("LF1024", "this is no name of a secret", "write keyvault:<secret name>")
    return value


def _refuse_table_format(value: object) -> object:
    if value in ("iceberg", "hudi"):
        # Its files mean nothing one by one: which of them make up the table says a log that is written after them.
        message = f"{value} is a table of many files and a log that Landfall does not follow"
        remedy = "land Parquet files or a Delta table, or read a table of another product as input"
        raise fault("LF1030", message, remedy)
    return value


SecretReference = Annotated[str, AfterValidator(_check_secret)]
Audience = Annotated[str, Field(pattern=r"^(api|https)://[A-Za-z0-9._/-]+$")]
Format = Annotated[FileFormat, Field(strict=False), BeforeValidator(_refuse_table_format)]
DatePattern = Annotated[str, AfterValidator(_check_pattern)]
Separator = Annotated[str, AfterValidator(_check_separator)]


class OptionsDocument(Document):
    """How to read the files of a source; without options, CSV is read as RFC 4180 says, with a header."""

    header: bool = True
    match: Literal["name", "position"] = "name"
    delimiter: Character = ","
    quote: MaybeCharacter = '"'
    escape: MaybeCharacter = ""
    comment: Character | None = None
    multi_line: bool = Field(
        default=True, description="csv: quoted fields may hold line ends; json: a file is one document"
    )
    skip_lines: Annotated[int, Field(ge=0)] = 0
    trimmed: bool = Field(default=False, description="fixed: blanks at the end of a line may be cut off")
    null_value: NullTexts = ""
    date_format: DatePattern | None = None
    timestamp_format: DatePattern | None = None
    decimal: Literal[".", ","] = "."
    thousands: Separator | None = None
    encoding: Encoding = "utf-8"
    row_tag: Annotated[str, Field(min_length=1)] | None = None
    sheet: Sheet = 1
    removed_rows: Literal["reject", "ignore"] = Field(
        default="reject",
        description="delta: what happens to a commit that takes rows away; ignore takes in what it adds",
    )


class SourceDocument(Document):
    name: Name
    type: Annotated[SourceType, Field(strict=False)]
    format: Format | None = None
    options: OptionsDocument = OptionsDocument()
    engine: Annotated[Engine, Field(strict=False)] | None = Field(
        default=None, description="What a database is, for the copy of its tables"
    )
    connection: Connection | None = None
    secret: SecretReference | None = Field(
        default=None, description="Password of a file server, or value of an API's Authorization header"
    )
    host_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9:/+ =-]{16,200}$")] | None = Field(
        default=None, description="Fingerprint by which an SFTP server is known"
    )
    audience: Audience | None = Field(
        default=None, description="What an identity asks a token for, to sign in to an API"
    )
    description: Text = ""


class ColumnDocument(Document):
    name: ColumnName
    type: TypeName
    nullable: bool = True
    source_name: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, alias="from", description="What files call it, where that is not its name"
    )
    format: DatePattern | None = Field(default=None, description="How files write a date or timestamp")
    start: PositiveInt | None = Field(default=None, description="First character in a line of fixed width")
    width: PositiveInt | None = Field(default=None, description="Number of characters of fixed width")
    description: Text = ""
