"""Telling a caller how its run ended: which addresses may be called, and one POST that no address can misuse."""

import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from landfall.errors import LandfallError

MAX_URI_LENGTH: Final = 2_048
_TIMEOUT_S: Final = 30
# Addresses at which a cloud tells a machine its own secrets, and which are not link-local.
_METADATA_ADDRESSES: Final = frozenset(
    ipaddress.ip_address(text) for text in ("168.63.129.16", "100.100.100.200", "fd00:ec2::254")
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_LATER: Final = frozenset({408, 425, 429})

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class CallbackRefused(LandfallError):
    """An address that may not be called back."""

    code = "LF6111"

    def __init__(self, reason: str) -> None:
        super().__init__(f"the callback address is refused: {reason}")
        self.reason = reason


class CallbackFailed(LandfallError):
    """An address that should be called back does not answer."""

    code = "LF6112"
    retryable = True


@dataclass(frozen=True, slots=True)
class CallbackPolicy:
    """Which addresses may be called back.

    Attributes:
        hosts: The only hosts allowed, ``*.example.com`` for all below; empty allows every public one. A host
            named here may have a private address, as one behind a private endpoint has.
        loopback: Whether this machine may be called, without encryption too: for laptops and tests.
    """

    hosts: tuple[str, ...] = ()
    loopback: bool = False

    def refuse(self, uri: str) -> str | None:
        """Return why an address may not be called, ``None`` if it may as far as its text tells."""
        if len(uri) > MAX_URI_LENGTH:
            return f"it is longer than {MAX_URI_LENGTH} characters"
        if not uri.isascii() or any(character <= " " for character in uri):
            return "it holds spaces or characters that stand in no address"
        try:
            parts = urlsplit(uri)
            host, _ = parts.hostname, parts.port
        except ValueError:
            return "it is no address"
        if not host or parts.scheme not in {"http", "https"}:
            return "it is no https address"
        if parts.username is not None or parts.password is not None:
            return "it carries a user name"
        literal = _literal(host)
        local = literal.is_loopback if literal else host == "localhost" or host.endswith(".localhost")
        if local and self.loopback:
            return None
        if parts.scheme != "https":
            return "it is not https"
        if self.hosts and not self._names(host):
            return f"its host is none of {', '.join(self.hosts)}"
        return self._refuse_address(host, literal) if literal else ("it is this machine" if local else None)

    def resolve(self, parts: SplitResult) -> tuple[str, ...]:
        """Return the addresses of a host, all of which may be called.

        Raises:
            CallbackRefused: One of them may not.
            CallbackFailed: The host is not known.
        """
        host, port = parts.hostname or "", _port(parts)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise CallbackFailed(f"{host} is not known ({error.strerror})") from error
        addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        for text in addresses:
            reason = self._refuse_address(host, ipaddress.ip_address(text.partition("%")[0]))
            if reason is not None:
                raise CallbackRefused(reason)
        return addresses

    def _refuse_address(self, host: str, address: _Address) -> str | None:
        address = _embedded(address) or address
        if address.is_loopback:
            return None if self.loopback else "it is this machine"
        if address.is_link_local or address.is_multicast or address in _METADATA_ADDRESSES:
            return "it leads to an address of the network itself"
        if address.is_unspecified or address.is_reserved:
            return "it leads to no machine"
        if not address.is_global and not self._names(host):
            return "it leads into a private network; name its host in LANDFALL_CALLBACK_HOSTS to allow that"
        return None

    def _names(self, host: str) -> bool:
        return any(host.endswith(name[1:]) if name.startswith("*.") else host == name for name in self.hosts)


def post(uri: str, body: Mapping[str, Any], policy: CallbackPolicy) -> int:
    """POST a JSON object and return the status of the answer; no redirect is followed.

    The connection goes to an address that was checked: a name that is looked up again may mean another one.

    Raises:
        CallbackRefused: The policy does not allow the address, by now.
        CallbackFailed: There is no answer.
    """
    reason = policy.refuse(uri)
    if reason is not None:
        raise CallbackRefused(reason)
    parts = urlsplit(uri)
    host = parts.hostname or ""
    addresses = policy.resolve(parts)
    connection = http.client.HTTPConnection(host, _port(parts), timeout=_TIMEOUT_S)
    try:
        connection.sock = _connect(addresses, parts)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(
            "POST",
            target,
            body=json.dumps(body).encode(),
            headers={"Host": parts.netloc, "Content-Type": "application/json"},
        )
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        # Never the text of the error: it may quote the address.
        raise CallbackFailed(f"{host} does not answer ({type(error).__name__})") from error
    finally:
        connection.close()


def may_succeed_later(status: int) -> bool:
    """Return whether a refusal may turn into an acknowledgement by itself."""
    return status >= 500 or status in _LATER


def _connect(addresses: tuple[str, ...], parts: SplitResult) -> socket.socket:
    last: OSError = OSError("no address")
    for address in addresses:
        try:
            plain = socket.create_connection((address, _port(parts)), timeout=_TIMEOUT_S)
        except OSError as error:
            last = error
            continue
        if parts.scheme == "http":
            return plain
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname)
        except OSError:
            plain.close()
            raise
    raise last


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _embedded(address: _Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _literal(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
