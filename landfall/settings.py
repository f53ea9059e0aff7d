"""Every environment variable that the orchestration side and the command line read, in one place."""

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from landfall.errors import LandfallError


class MissingSetting(LandfallError):
    """A variable that this command or app needs is not set."""

    code = "LF6001"

    def __init__(self, variable: str) -> None:
        super().__init__(
            f"{variable} is not set. In Azure it is an app setting; on a laptop `landfall up` writes it "
            "to .landfall/laptop.env."
        )
        self.variable = variable


class SourceNotConfigured(LandfallError):
    """Nothing says how this machine reaches a source of a product."""

    code = "LF6002"

    def __init__(self, source: str) -> None:
        super().__init__(
            f"{connection_variable(source)} is not set, so this machine does not know how to reach the source "
            f"{source!r}. Set it to an SQLAlchemy URL such as postgresql+psycopg://USER:PASSWORD@HOST/DATABASE or "
            "sqlite:///FILE, of a share to file:///FOLDER; the product file names a Key Vault secret, which only Azure "
            "reads."
        )
        self.source = source


class SourceSecretNotSet(LandfallError):
    """Nothing says with which secret this machine signs in to a source of a product."""

    code = "LF6014"

    def __init__(self, source: str) -> None:
        super().__init__(
            f"{secret_variable(source)} is not set, so this machine cannot sign in to the source {source!r}. Set it "
            "to the password of an SFTP server, or to the Authorization header of an API such as 'Bearer TOKEN'; the "
            "product file names a Key Vault secret, which only Azure reads."
        )
        self.source = source


@dataclass(frozen=True, slots=True)
class Settings:
    """Where everything is, and as whom to sign in.

    Attributes:
        database_url: SQLAlchemy URL: ``mssql+pyodbc://…`` or ``sqlite:///…``.
        storage_account: Name of the lake's account, as it stands in ``abfss://`` addresses.
        blob_endpoint: URL of the account's Blob service.
        storage_key: Account key of the laptop's emulator; ``None`` means sign in with Entra ID.
        databricks_host: URL of the workspace, or of the laptop's jobs server.
        databricks_token: Token of the laptop's jobs server; ``None`` means sign in with Entra ID.
        job_id: Saved job of the default compute profile; ``None`` submits one-time runs.
        functions_url: URL of the function app.
        functions_audience: Application ID URI of the function app's registration, for the token that callers
            sign in with; ``None`` on a laptop, whose app knows who runs it.
        managed_identity_client_id: Client id of the user-assigned identity, ``None`` for the default one.
        callback_hosts: The only hosts that may be called back, ``*.example.com`` for all below one; empty means
            every public one.
        callback_loopback: Whether callers on this machine may be called back, without encryption.
        catalogue_namespace: Of our jobs in the catalogue that OpenLineage events are sent to; ``None`` where the
            variables of its client name none.
        alarm_webhook: Told of every alarm; its address may be a secret, so it is an app setting. ``None`` for nobody.
    """

    database_url: str
    storage_account: str
    blob_endpoint: str
    storage_key: str | None
    databricks_host: str
    databricks_token: str | None
    job_id: int | None
    functions_url: str
    functions_audience: str | None
    managed_identity_client_id: str | None
    callback_hosts: tuple[str, ...] = ()
    callback_loopback: bool = False
    alarm_webhook: str | None = None
    catalogue_namespace: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Return the settings that ``environ`` holds, this process's environment if none is given.

        Raises:
            MissingSetting: A variable without a default is absent or empty.
        """

        def required(variable: str) -> str:
            value = environ.get(variable)
            if not value:
                raise MissingSetting(variable)
            return value

        account = required("LANDFALL_STORAGE_ACCOUNT")
        job_id = environ.get("LANDFALL_JOB_ID")
        return cls(
            database_url=required("LANDFALL_DATABASE_URL"),
            storage_account=account,
            blob_endpoint=environ.get("LANDFALL_BLOB_ENDPOINT") or f"https://{account}.blob.core.windows.net",
            storage_key=environ.get("LANDFALL_STORAGE_KEY") or None,
            databricks_host=required("DATABRICKS_HOST"),
            databricks_token=environ.get("DATABRICKS_TOKEN") or None,
            job_id=int(job_id) if job_id else None,
            functions_url=environ.get("LANDFALL_FUNCTIONS_URL", ""),
            functions_audience=environ.get("LANDFALL_FUNCTIONS_AUDIENCE") or None,
            managed_identity_client_id=environ.get("LANDFALL_IDENTITY_CLIENT_ID") or None,
            callback_hosts=tuple(
                environ.get("LANDFALL_CALLBACK_HOSTS", "").replace(",", " ").lower().split()
            ),
            callback_loopback=environ.get("LANDFALL_CALLBACK_LOOPBACK", "").lower() in {"1", "true"},
            alarm_webhook=environ.get("LANDFALL_ALARM_WEBHOOK") or None,
            catalogue_namespace=_catalogue_namespace(environ),
        )


def _catalogue_namespace(environ: Mapping[str, str]) -> str | None:
    """Return the namespace for a catalogue, ``None`` if the client of OpenLineage is told of none.

    The client reads its variables itself; here they only say whether to load it.
    """
    named = any(
        value
        and (name in {"OPENLINEAGE_URL", "OPENLINEAGE_CONFIG"} or name.startswith("OPENLINEAGE__TRANSPORT"))
        for name, value in environ.items()
    )
    if not named or environ.get("OPENLINEAGE_DISABLED", "").lower() in {"1", "true"}:
        return None
    return environ.get("OPENLINEAGE_NAMESPACE") or "landfall"


class InsecureLocalRefused(LandfallError):
    """The laptop's identity is switched on where other people call."""

    code = "LF6125"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"LANDFALL_INSECURE_LOCAL is set, but {reason}: everybody who reaches the app would be its "
            "administrator. Remove the setting; people sign in with Entra ID."
        )


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """How the app knows who calls it.

    Attributes:
        signed_in_by_app_service: Whether App Service authentication stands in front of the app, so that the headers
            with the caller's principal are its own and nobody else's.
        insecure_local: Who everybody on this machine is taken for; ``None`` anywhere but on a laptop.
        in_azure: Whether the app runs in App Service.
    """

    signed_in_by_app_service: bool = False
    insecure_local: str | None = None
    in_azure: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Return what ``environ`` says, this process's environment if none is given.

        Raises:
            InsecureLocalRefused: The laptop's identity is switched on in Azure, or beside App Service authentication.
        """
        # App Service says so itself; where its plan does not, the setting stands beside what switches it on.
        told = environ.get("WEBSITE_AUTH_ENABLED") or environ.get("LANDFALL_APP_SERVICE_AUTH") or ""
        found = cls(
            signed_in_by_app_service=told.lower() in {"1", "true"},
            insecure_local=environ.get("LANDFALL_INSECURE_LOCAL") or None,
            in_azure=bool(environ.get("WEBSITE_INSTANCE_ID")),
        )
        if found.insecure_local is not None and found.in_azure:
            raise InsecureLocalRefused("the app runs in Azure (WEBSITE_INSTANCE_ID is set)")
        if found.insecure_local is not None and found.signed_in_by_app_service:
            raise InsecureLocalRefused("App Service authentication is on")
        return found


def connection_variable(source: str) -> str:
    """Return the variable that says how this machine reaches a source of a product."""
    return f"LANDFALL_CONNECTION_{source.upper()}"


def secret_variable(source: str) -> str:
    """Return the variable that holds the password or Authorization header of a source of a product."""
    return f"LANDFALL_SECRET_{source.upper()}"


def find_source_connection(source: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the address by which this machine reaches a source of a product, ``None`` for what its file says."""
    return environ.get(connection_variable(source)) or None


def source_secret(source: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the password or Authorization header of a source of a product.

    Raises:
        SourceSecretNotSet: The variable is not set.
    """
    secret = environ.get(secret_variable(source))
    if not secret:
        raise SourceSecretNotSet(source)
    return secret


def source_connection(source: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the SQLAlchemy URL by which this machine reaches a source of a product.

    Raises:
        SourceNotConfigured: The variable is not set.
    """
    url = environ.get(connection_variable(source))
    if not url:
        raise SourceNotConfigured(source)
    return url


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """Where traces and metrics go: to none, one or several of three places.

    Attributes:
        applicationinsights_connection_string: Of Application Insights.
        signs_in: Whether Application Insights wants an Entra identity beside it.
        managed_identity_client_id: Client id of the user-assigned identity, ``None`` for the default one.
        otlp_endpoint: URL of an OpenTelemetry collector; its exporter reads the other ``OTEL_`` variables itself.
        file: Takes one span per line, as JSON.
    """

    applicationinsights_connection_string: str | None = None
    signs_in: bool = False
    managed_identity_client_id: str | None = None
    otlp_endpoint: str | None = None
    file: Path | None = None

    @property
    def is_on(self) -> bool:
        places = (self.applicationinsights_connection_string, self.otlp_endpoint, self.file)
        return any(place is not None for place in places)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Return what ``environ`` says, this process's environment if none is given; no variable is required."""
        sign_in = environ.get("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "")
        pairs = dict(part.split("=", 1) for part in sign_in.split(";") if "=" in part)
        file = environ.get("LANDFALL_TELEMETRY_FILE")
        return cls(
            applicationinsights_connection_string=environ.get("APPLICATIONINSIGHTS_CONNECTION_STRING")
            or None,
            signs_in=pairs.get("Authorization") == "AAD",
            managed_identity_client_id=pairs.get("ClientId")
            or environ.get("LANDFALL_IDENTITY_CLIENT_ID")
            or None,
            otlp_endpoint=environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None,
            file=Path(file) if file else None,
        )


def use_stable_conventions(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let instrumentations name attributes after the stable conventions, unless the environment says otherwise.

    They read this variable themselves, once and when they are first used.
    """
    environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
