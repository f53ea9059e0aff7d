"""Signing in to a workspace with Entra ID; the SDK knows managed identities by name only."""

from collections.abc import Callable

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from databricks.sdk.config import Config
from databricks.sdk.credentials_provider import CredentialsStrategy

from landfall.jobs.errors import JobsUnreachable

# The application that every Azure Databricks workspace stands for in Entra ID.
DATABRICKS_SCOPE = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default"


class EntraStrategy(CredentialsStrategy):
    """Signs every request with a token of an ``azure-identity`` credential, which keeps it until it expires."""

    def __init__(self, credential: TokenCredential) -> None:
        self._credential = credential

    def auth_type(self) -> str:
        """Return the name that shows in the user agent."""
        return "azure-managed-identity"

    def __call__(self, cfg: Config) -> Callable[[], dict[str, str]]:
        """Return the function that the SDK calls for the headers of each request."""

        def headers() -> dict[str, str]:
            try:
                token = self._credential.get_token(DATABRICKS_SCOPE)
            except AzureError as error:
                raise JobsUnreachable(str(cfg.host), "sign in with Entra ID", error.message) from error
            return {"Authorization": f"Bearer {token.token}"}

        return headers
