"""Connections without secrets: what a product file may say about how to reach a source."""

import re

_KEY_VAULT = re.compile(r"keyvault:[A-Za-z0-9-]{1,127}")
# Scheme, host and path: no user, no password, no query string (a shared access signature is one).
_ADDRESS = re.compile(
    r"(https|abfss|sftp|smb)://([A-Za-z0-9._-]+@)?[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?"
)
_HOST_PARTS = re.compile(r"jdbc:sqlserver://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
# Settings of a connection string that say where to connect and nothing about how to prove who one is.
_PLAIN_SETTINGS = frozenset(
    {
        "server", "data source", "address", "addr", "host", "hostname", "port", "protocol",
        "database", "databasename", "initial catalog", "driver", "authentication", "user id", "uid", "user",
        "msiclientid", "encrypt", "trustservercertificate", "hostnameincertificate", "connection timeout",
        "connect timeout", "logintimeout", "application name", "applicationname", "applicationintent",
        "multisubnetfailover", "persist security info",
    }
)  # fmt: skip
_IDENTITY = frozenset(
    {
        "activedirectorymsi", "activedirectorymanagedidentity", "activedirectorydefault",
        "activedirectoryworkloadidentity",
    }
)  # fmt: skip
CONNECTION_REMEDY = (
    "write keyvault:<secret name>, or a connection that signs in with a managed identity "
    "(Authentication=ActiveDirectoryManagedIdentity) and holds no password, key or token"
)


def is_without_secret(connection: str) -> bool:
    """Return whether a connection is a Key Vault reference, a bare address, or signs in with an identity.

    A connection string passes only if every setting in it is known to be harmless, so a kind of secret that
    nobody thought of does not pass.
    """
    if _KEY_VAULT.fullmatch(connection) or _ADDRESS.fullmatch(connection):
        return True
    settings: dict[str, str] = {}
    for index, part in enumerate(part.strip() for part in connection.split(";")):
        if not part or (index == 0 and _HOST_PARTS.fullmatch(part)):
            continue
        key, equals, value = part.partition("=")
        if not equals or key.strip().lower() not in _PLAIN_SETTINGS:
            return False
        settings[key.strip().lower()] = value.strip()
    authentication = settings.get("authentication", "").lower().replace(" ", "")
    return authentication in _IDENTITY


def is_key_vault_reference(text: str) -> bool:
    """Return whether a text is ``keyvault:<secret name>``."""
    return _KEY_VAULT.fullmatch(text) is not None


def plain_settings(connection: str) -> dict[str, str]:
    """Return what a connection string says, by setting in lower case; of a sound one nothing is secret."""
    pairs = (part.partition("=") for part in connection.split(";"))
    return {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}


def has_password(url: str) -> bool:
    """Return whether a database URL carries a password or another secret, rather than none at all."""
    authority = re.match(r"[^:/?#]+://([^/?#]*)@", url)
    if authority is not None and ":" in authority[1]:
        return True
    return re.search(r"(?i)(password|pwd|secret|token|key|sig)\s*(=|%3d)", url) is not None
