"""The refusals of the API, as the Databricks SDK expects them: a status, an error code and a message."""


class ApiError(Exception):
    """A request that the server refuses.

    Attributes:
        status: HTTP status.
        error_code: Databricks' name for the fault; the SDK chooses its exception by it.
        message: What is wrong, for the caller.
    """

    def __init__(self, status: int, error_code: str, message: str) -> None:
        super().__init__(f"{error_code}: {message}")
        self.status = status
        self.error_code = error_code
        self.message = message


def invalid(message: str) -> ApiError:
    """Return the refusal of a request with a wrong value."""
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)
