"""Which addresses may be called back, and what a caller can make of a call."""

import socket
from collections.abc import Callable
from threading import Thread

import pytest

from landfall.calling_back import CallbackFailed, CallbackPolicy, CallbackRefused, post

ANY = CallbackPolicy()
LAPTOP = CallbackPolicy(loopback=True)
ADF = CallbackPolicy(hosts=("*.svc.datafactory.azure.com", "10.1.2.3"))


@pytest.mark.parametrize(
    "uri",
    [
        "http://example.com/x",
        "ftp://example.com/x",
        "example.com/x",
        "https://user:word@example.com/x",
        "https://example.com:99999/x",
        "https://example.com/a b",
        "https://localhost/x",
        "https://app.localhost/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://169.254.169.254/metadata/identity/oauth2/token",
        "https://[64:ff9b::a9fe:a9fe]/x",
        "https://[fe80::1]/x",
        "https://168.63.129.16/x",
        "https://10.0.0.4/x",
        "https://192.168.1.1/x",
        "https://[fd00::1]/x",
        "https://0.0.0.0/x",
        "https://example.com/" + "x" * 2_100,
        "",
    ],
)
def test_what_leads_inside_is_refused(uri: str) -> None:
    assert ANY.refuse(uri) is not None


@pytest.mark.parametrize(
    ("policy", "uri", "allowed"),
    [
        (ANY, "https://example.com/x?token=1", True),
        (ANY, "https://8.8.8.8:8443/x", True),
        (LAPTOP, "http://127.0.0.1:7071/x", True),
        (LAPTOP, "http://localhost/x", True),
        (LAPTOP, "http://example.com/x", False),
        (LAPTOP, "http://169.254.169.254/x", False),
        (ADF, "https://weu.svc.datafactory.azure.com/x", True),
        (ADF, "https://svc.datafactory.azure.com.example.com/x", False),
        (ADF, "https://example.com/x", False),
        (ADF, "https://10.1.2.3/x", True),
        (ADF, "https://10.1.2.4/x", False),
    ],
)
def test_a_policy_names_who_may_be_called(policy: CallbackPolicy, uri: str, allowed: bool) -> None:
    assert (policy.refuse(uri) is None) == allowed


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "inside.example.com"])
def test_a_name_is_judged_by_where_it_leads(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    if host.startswith("inside"):
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 443))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)

    with pytest.raises((CallbackRefused, CallbackFailed)):
        post(f"https://{host}/x", {}, ANY)


def test_a_redirect_is_not_followed() -> None:
    port, received = _answer_once(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n")

    status = post(f"http://127.0.0.1:{port}/x?token=s", {"StatusCode": "200"}, LAPTOP)

    assert status == 302
    assert received().startswith(b"POST /x?token=s HTTP/1.1\r\n")


def test_an_answer_that_is_none_does_not_quote_the_address() -> None:
    port, _ = _answer_once(b"")

    with pytest.raises(CallbackFailed) as failed:
        post(f"http://127.0.0.1:{port}/x?token=secret", {}, LAPTOP)

    assert "secret" not in str(failed.value)


def _answer_once(answer: bytes) -> tuple[int, Callable[[], bytes]]:
    """Listen for one connection, send ``answer`` and close; return the port, and how to get what came."""
    listening = socket.create_server(("127.0.0.1", 0))
    received: list[bytes] = []

    def serve() -> None:
        connection, _ = listening.accept()
        with listening, connection:
            received.append(connection.recv(65_536))
            connection.sendall(answer)

    thread = Thread(target=serve)
    thread.start()

    def came() -> bytes:
        thread.join()
        return received[0]

    return int(listening.getsockname()[1]), came
