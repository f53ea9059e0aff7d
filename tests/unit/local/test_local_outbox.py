"""The outbox announces each blob version once and keeps it until it is taken."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from landfall.local.storage_events.events import BlobVersion
from landfall.local.storage_events.outbox import Outbox


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(tmp_path: Path, clock: Clock) -> Iterator[Outbox]:
    outbox = Outbox.open(tmp_path / "events.db", clock=clock)
    yield outbox
    outbox.close()


def a_version(path: str = "a.csv", etag: str = "0x1") -> BlobVersion:
    return BlobVersion("landing", path, etag, 1, "text/csv", "BlockBlob")


def announce(outbox: Outbox, version: BlobVersion) -> bool:
    return outbox.announce(version, lambda number: {"subject": version.path, "number": number})


def test_a_version_is_announced_once(outbox: Outbox) -> None:
    assert announce(outbox, a_version())
    assert not announce(outbox, a_version())
    assert announce(outbox, a_version(etag="0x2"))

    assert [one.event["subject"] for one in outbox.due(9)] == ["a.csv", "a.csv"]
    assert outbox.announced("landing") == {"a.csv": "0x2"}


def test_an_announced_version_survives_a_restart(tmp_path: Path) -> None:
    first = Outbox.open(tmp_path / "o.db")
    announce(first, a_version())
    first.close()

    second = Outbox.open(tmp_path / "o.db")

    assert not announce(second, a_version())
    assert len(second.due(9)) == 1
    second.close()


def test_the_sequence_grows_also_when_the_clock_steps_back(outbox: Outbox, clock: Clock) -> None:
    announce(outbox, a_version("a"))
    clock.now_s -= 500
    announce(outbox, a_version("b"))
    announce(outbox, a_version("c"))

    numbers = [int(one.event["number"]) for one in outbox.due(9)]

    assert numbers == sorted(set(numbers))


def test_a_postponed_event_is_due_after_its_delay(outbox: Outbox, clock: Clock) -> None:
    announce(outbox, a_version())
    (waiting,) = outbox.due(9)

    outbox.postpone(waiting.id, 5)

    assert outbox.due(9) == []
    assert outbox.next_due_in_s() == 5
    clock.now_s += 5
    assert [one.attempts for one in outbox.due(9)] == [1]


def test_events_in_flight_are_not_due(outbox: Outbox) -> None:
    announce(outbox, a_version("a"))
    announce(outbox, a_version("b"))
    first, second = outbox.due(9)

    assert outbox.due(9, besides={first.id}) == [second]
    assert outbox.next_due_in_s(besides={first.id, second.id}) is None


def test_a_taken_event_is_gone_and_a_refused_one_is_kept(outbox: Outbox) -> None:
    announce(outbox, a_version("a"))
    announce(outbox, a_version("b"))
    first, second = outbox.due(9)

    outbox.taken(first.id)
    outbox.refuse(second.id, "400: no")

    assert outbox.due(9) == []
    assert [(event["subject"], reason) for event, reason in outbox.refused()] == [("b", "400: no")]


def test_a_failure_while_making_the_event_announces_nothing(outbox: Outbox) -> None:
    def fail(_number: int) -> dict[str, object]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        outbox.announce(a_version(), fail)

    assert announce(outbox, a_version())
