"""Queue triggers against the emulator's queue service: taken once, tried again, moved aside."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from landfall.local import azurite
from landfall.local.queue_account import QueueAccount
from landfall.local.queue_service import QueueService
from tests.contract.functions_host.running import HostUnderTest, eventually
from tests.loopback import PATIENCE_S, free_port, wait_for_port

QUEUES = Path(__file__).parent / "apps" / "queues"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueAccount]:
    folder = tmp_path_factory.mktemp("queues")
    port, queue_port, table_port = free_port(), free_port(), free_port()
    command = azurite.command(
        folder, port=port, data=folder / "data", queue_port=queue_port, table_port=table_port
    )
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(queue_port)
        endpoint = f"http://127.0.0.1:{queue_port}/{azurite.ACCOUNT}"
        yield QueueAccount(azurite.ACCOUNT, azurite.ACCOUNT_KEY, endpoint)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.fixture
async def queues(account: QueueAccount) -> AsyncIterator[QueueService]:
    service = QueueService(account)
    yield service
    await service.close()


async def test_messages_are_taken_tried_again_and_moved_aside(
    account: QueueAccount, queues: QueueService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORK_STORAGE", account.connection_string())
    monkeypatch.setenv("AzureWebJobs.switched_off.Disabled", "true")
    for text in ("good <1> & ä", "bad", "twice"):
        await queues.put("work", text)
    await queues.put("other", "left alone")

    host = await HostUnderTest.start(tmp_path / "data", QUEUES)
    taken: list[tuple[str, str, int]] = sys.modules["function_app"].taken
    try:
        await eventually(lambda: any(name == "poison" for name, _, _ in taken))
        await eventually(lambda: ("work", "twice", 2) in taken)
    finally:
        await host.stop()

    assert sorted(taken) == [
        ("poison", "bad", 1),
        ("work", "bad", 1),
        ("work", "bad", 2),
        ("work", "bad", 3),
        ("work", "good <1> & ä", 1),
        ("work", "twice", 1),
        ("work", "twice", 2),
    ]
    assert await queues.get("work", most=10, hidden_s=1) == []
    assert [message.text for message in await queues.get("other", most=10, hidden_s=1)] == ["left alone"]


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("AccountName=a;AccountKey=k==;QueueEndpoint=http://127.0.0.1:1/a/", "http://127.0.0.1:1/a"),
        ("AccountName=a;AccountKey=k==;EndpointSuffix=core.windows.net", "https://a.queue.core.windows.net"),
        ("AccountName=a;AccountKey=k==", None),
        ("", None),
    ],
)
def test_a_connection_string_names_the_queues_of_an_account(text: str, endpoint: str | None) -> None:
    account = QueueAccount.from_connection_string(text)

    assert (account and account.endpoint) == endpoint
