"""Dead letters, alarms and sets over HTTP: chosen by id or filter, batch by batch, each answered for by itself."""

import json
from typing import Any

import pytest

from activities.events import EventActivities
from landfall.api import letters, why
from landfall.api.reply import Reply
from landfall.landing import dead_letters
from landfall.landing.dead_letters import LetterFilter, LetterSource, LetterState, keep_dead_letter
from landfall.spec.model import CompleteSet
from tests.api_server import answered
from tests.builders import a_landed_dataset, a_product, a_transformation
from tests.integration.landing.conftest import Zone


async def test_letters_whose_cause_was_put_right_are_handled_and_the_others_stay(zone: Zone) -> None:
    zone.apply(a_product(a_transformation()))
    late = json.dumps(zone.write("sales/orders/orders_landed/a.csv"))
    _keep(zone, late, LetterSource.POISON)
    _keep(zone, "no event", LetterSource.QUEUE)

    first = await _replay(zone, {"all": True})
    again = await _replay(zone, {"letter_ids": [1, 2]})

    assert [(letter["letter_id"], letter["state"]) for letter in first["letters"]] == [
        (1, "replayed"),
        (2, "dead"),
    ]
    assert "it is not JSON" in first["letters"][1]["reason"]
    assert again["letters"][0]["reason"] == "it was replayed by grace before"
    assert zone.files() == {"orders_landed/a.csv": "pending"}
    assert zone.coordinators() == {"product-sales-orders"}


async def test_letters_are_chosen_by_source_code_and_instant_and_in_batches(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "MOST_LETTERS", 2)
    for number in range(3):
        _keep(zone, f"queue {number}", LetterSource.QUEUE)
    _keep(zone, "poison", LetterSource.POISON, code="LF9999")
    zone.pass_time(hours=5)
    _keep(zone, "late", LetterSource.QUEUE)

    first = _discard(zone, {"source": "queue"})
    second = _discard(zone, {"source": "queue", "after": first["following"], "dry_run": True})
    recent = _discard(zone, {"since": "1h", "dry_run": True})
    coded = _discard(zone, {"error_code": "LF9999"})

    assert (_ids(first), first["following"]) == ([1, 2], 2)
    assert (_ids(second), second["following"], second["dry_run"]) == ([3, 5], None, True)
    assert _ids(recent) == [5]
    assert [letter["state"] for letter in coded["letters"]] == ["discarded"]
    shown = answered(letters.show_dead_letters, zone.database, LetterFilter()).body["letters"]
    assert [letter["letter_id"] for letter in shown] == [5, 3]
    ended = answered(letters.show_dead_letters, zone.database, LetterFilter(LetterState.DISCARDED)).body[
        "letters"
    ]
    assert {(letter["letter_id"], letter["ended_by"]) for letter in ended} == {
        (1, "grace"),
        (2, "grace"),
        (4, "grace"),
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"all": False}, 400),
        ({"letter_ids": []}, 400),
        ({"letter_ids": [1], "all": True}, 400),
        ({"letter_ids": [1], "after": 1}, 400),
        ({"source": "post"}, 400),
        ({"since": "soon"}, 400),
        ({"letter_ids": [99]}, 404),
    ],
)
def test_a_choice_of_nothing_or_of_two_things_is_refused(
    zone: Zone, body: dict[str, Any], status: int
) -> None:
    _keep(zone, "x", LetterSource.QUEUE)

    done = answered(
        letters.request_discard, zone.database, json.dumps(body).encode(), actor="grace", now=zone.clock
    )

    assert done.reply.status == status
    assert len(answered(letters.show_dead_letters, zone.database, LetterFilter()).body["letters"]) == 1


async def test_a_late_set_is_an_alarm_and_why_names_what_is_missing_until_it_is_there(zone: Zone) -> None:
    complete = CompleteSet(3600, names=("a.csv", "b.csv"))
    dataset = a_landed_dataset("orders_landed", landing="latest/*.csv", complete=complete)
    zone.apply(a_product(a_transformation(), landed=[dataset]))
    await zone.land("sales/orders/latest/a.csv")
    zone.pass_time(hours=2)
    await zone.tick()

    (alarm,) = answered(letters.show_alarms, zone.database, "sales/orders", cleared=False).body["alarms"]
    other = answered(letters.show_alarms, zone.database, "sales/other", cleared=False).body["alarms"]
    (finding,) = answered(why.show_why_file, zone.database, "1", now=zone.clock).body["findings"]
    await zone.land("sales/orders/latest/b.csv")
    gone = answered(letters.show_alarms, zone.database, None, cleared=False).body["alarms"]
    (cleared,) = answered(letters.show_alarms, zone.database, None, cleared=True).body["alarms"]

    assert (alarm["name"], alarm["cleared_at"]) == ("landing_set_incomplete", None)
    assert "b.csv did not come; 1 file waits" in alarm["detail"]
    assert (finding["cause"], "b.csv did not come yet" in finding["says"]) == ("set_incomplete", True)
    assert "its deadline has passed" in finding["says"]
    assert (other, gone) == ([], [])
    assert cleared["cleared_at"] is not None


def _keep(zone: Zone, text: str, source: LetterSource, *, code: str = "LF3120") -> None:
    zone.database.transact(
        lambda c: keep_dead_letter(c, text, source=source, reason="wrong", error_code=code, now=zone.clock)
    )


async def _replay(zone: Zone, body: dict[str, Any]) -> Any:
    chosen = letters.choose(zone.database, json.dumps(body).encode(), now=zone.clock)
    assert not isinstance(chosen, Reply)
    done = await EventActivities(zone).replay(chosen.letter_ids, zone.instances, actor="grace")
    return letters.acted_on(done, chosen.following).body


def _discard(zone: Zone, body: dict[str, Any]) -> Any:
    done = answered(
        letters.request_discard, zone.database, json.dumps(body).encode(), actor="grace", now=zone.clock
    )
    assert done.reply.status == 200
    return done.reply.body


def _ids(answer: dict[str, Any]) -> list[int]:
    return [letter["letter_id"] for letter in answer["letters"]]
