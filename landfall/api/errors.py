"""The refusals of the HTTP application itself, each with the status it answers with."""

from collections.abc import Sequence
from typing import ClassVar

from landfall.errors import LandfallError


class HttpRefusal(LandfallError):
    """A refusal that is about the request, not about what it asks for."""

    status: ClassVar[int] = 400


class InvalidRequest(HttpRefusal):
    """Parameters of a request have faults; all are listed."""

    code = "LF6104"
    status = 400

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(" ".join(faults))
        self.faults = tuple(faults)


class NoSuchRoute(HttpRefusal):
    """Nothing answers at this address."""

    code = "LF6120"
    status = 404

    def __init__(self, path: str) -> None:
        super().__init__(f"Nothing answers at {path!r}; /api/openapi.json lists what does.")


class NotSignedIn(HttpRefusal):
    """The app does not know who calls."""

    code = "LF6121"
    status = 401

    def __init__(self) -> None:
        super().__init__(
            "Nobody is signed in. In Azure, send a token of Entra ID and have App Service authentication on; on a "
            "laptop, `landfall up` sets LANDFALL_INSECURE_LOCAL."
        )


class RoleMissing(HttpRefusal):
    """Who calls has no role that allows this."""

    code = "LF6122"
    status = 403

    def __init__(self, name: str, role: str, domain: str | None) -> None:
        where = f"for the domain {domain!r}" if domain else "for the whole installation"
        super().__init__(f"{name} needs the role {role!r} {where}. Whoever assigns app roles can give it.")


class CrossSite(HttpRefusal):
    """A browser sends an act that no page of ours has asked for."""

    code = "LF6123"
    status = 403

    def __init__(self, reason: str) -> None:
        super().__init__(f"The act is refused: {reason}. Load the page again and repeat it there.")


class WrongHost(HttpRefusal):
    """The laptop's app is called by a name that is not this machine's."""

    code = "LF6124"
    status = 421

    def __init__(self, host: str) -> None:
        super().__init__(f"{host!r} is not a name of this machine: use 127.0.0.1 or localhost.")


class MethodNotAllowed(HttpRefusal):
    """The address is known, but not with this method."""

    code = "LF6126"
    status = 405

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"{path!r} does not take {method}; /api/openapi.json lists what it takes.")


class NotJson(HttpRefusal):
    """An act was sent in a form that the API does not read."""

    code = "LF6128"
    status = 415

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"The API reads application/json, not {kind!r}: send the body as JSON, with that as its Content-Type."
        )


class BodyTooLarge(HttpRefusal):
    """The body of a request is larger than any act needs."""

    code = "LF6129"
    status = 413

    def __init__(self, size_bytes: int, most_bytes: int) -> None:
        super().__init__(
            f"The body has {size_bytes:,} bytes, and the most that is read is {most_bytes:,}. Name fewer things at "
            "once, or choose them with a filter."
        )


class InternalFault(HttpRefusal):
    """A defect of Landfall; its log has more."""

    code = "LF6127"
    status = 500

    def __init__(self) -> None:
        super().__init__(
            "The app met a fault of its own and has done nothing, or not all of it. Its log says more; acts are safe "
            "to repeat."
        )


class NoSuchPort(HttpRefusal):
    """A product does not publish that version of a dataset."""

    code = "LF6142"
    status = 404

    def __init__(self, port: str, known: Sequence[str]) -> None:
        super().__init__(
            f"{port} is not published; the ports of its product are: {', '.join(known) or 'none'}."
        )
