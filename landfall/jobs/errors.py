"""How the Jobs API can fail us, in our words."""

from landfall.errors import ErrorKind, LandfallError


class JobNotAccepted(LandfallError):
    """Databricks did not take a job run, and may take it later.

    Attributes:
        retry_after_s: For how long nobody should try again, in seconds; 0 if Databricks named no time.
    """

    code = "LF4001"
    retryable = True

    def __init__(self, run_name: str, reason: str, retry_after_s: float = 0) -> None:
        super().__init__(
            f"{run_name}: Databricks did not take the job run ({reason}). It is tried again; "
            "if this repeats, lower the product's limit of parallel nodes."
        )
        self.run_name = run_name
        self.reason = reason
        self.retry_after_s = retry_after_s


class JobRefused(LandfallError):
    """Databricks refuses a call for good: a wrong value, a missing permission, something that is not there.

    Attributes:
        error_code: Databricks' name for the fault, ``None`` if it gave none.
    """

    code = "LF4002"

    def __init__(self, call: str, error_code: str | None, reason: str) -> None:
        super().__init__(
            f"{call}: Databricks refuses it ({error_code or 'no code'}: {reason}). Check the saved job and that "
            "the orchestration's identity has CAN_MANAGE_RUN on it."
        )
        self.call = call
        self.error_code = error_code
        self.reason = reason


class JobsUnreachable(LandfallError):
    """The Jobs API does not answer, or answers that it cannot work now."""

    code = "LF4003"
    kind = ErrorKind.UNREACHABLE
    retryable = True

    def __init__(self, host: str, call: str, reason: str) -> None:
        super().__init__(
            f"{call}: {host} does not answer ({reason}). On a laptop, `landfall status` says whether the jobs "
            "server runs; in Azure, check the workspace's private endpoint and its DNS zone."
        )
        self.host = host
        self.call = call
        self.reason = reason
