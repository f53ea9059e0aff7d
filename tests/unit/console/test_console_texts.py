"""How figures, addresses and command lines are written."""

import shlex

import pytest

from landfall.console import formats
from landfall.console.address import page
from landfall.console.command_lines import command
from landfall.console.looks import look_of
from landfall.console.routing import back_of
from landfall.console.texts import told
from landfall.runs.states import FileState, NodeState, RunState


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (-1, "0.0 s"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59.9, "59 s"),
        (65, "1 min 05 s"),
        (3_600, "1 h 00 min"),
        (90_000, "1 d 01 h"),
    ],
)
def test_durations_are_written_as_people_say_them(seconds: float | None, text: str) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, ""), (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * 1024**5, "5120.0 TiB")],
)
def test_sizes_have_the_largest_unit_that_leaves_one(size: int | None, text: str) -> None:
    assert formats.size(size) == text


def test_a_small_share_is_never_written_as_none() -> None:
    assert formats.share(0.00001) == "< 0.01 %"
    assert formats.share(0) == "0.00 %"
    assert formats.share(0.5) == "50.00 %"


def test_long_names_lose_their_middle() -> None:
    assert formats.shortened("customer_lifetime_value", 13) == "custome…value"
    assert formats.shortened("orders", 6) == "orders"


def test_an_address_changes_parameter_by_parameter() -> None:
    address = page("runs", "a/b", state="failed", cursor=None, q="")

    assert str(address) == "/console/runs/a%2Fb?state=failed"
    assert str(address.but(state=None, node="x&y")) == "/console/runs/a%2Fb?node=x%26y"


def test_a_command_line_is_one_that_a_shell_takes() -> None:
    line = command("runs", "rerun", "r 1; rm", from_failed=True, only=False, node=None, since="7d")

    assert shlex.split(line) == ["landfall", "runs", "rerun", "r 1; rm", "--from-failed", "--since", "7d"]


def test_every_state_has_a_sign_and_a_tone_of_its_own_word() -> None:
    for states in (RunState, NodeState, FileState):
        looks = [(look_of(state).tone, look_of(state).sign, look_of(state).word) for state in states]
        assert len(set(looks)) == len(looks)


@pytest.mark.parametrize(
    "foreign",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/console//evil.example",
        "/api/runs",
        "javascript:1",
    ],
)
def test_a_form_leads_back_to_pages_of_ours_only(foreign: str) -> None:
    assert back_of({"back": foreign}, page("runs")) == "/console/runs"
    assert back_of({"back": "/console/runs?state=failed"}, page("runs")) == "/console/runs?state=failed"


def test_sentences_show_commands_instants_and_runs_as_such_and_nothing_else() -> None:
    text = "Run 20260101-120000-1a2b3c4d <b> ended at 2026-01-01 12:00:05 UTC; `landfall why <x>` says more."

    shown = str(told(text))

    assert '<a class="mono small" href="/console/runs/20260101-120000-1a2b3c4d">' in shown
    assert '<time datetime="2026-01-01T12:00:05Z" data-form="full">2026-01-01 12:00:05 UTC</time>' in shown
    assert "<code>landfall why &lt;x&gt;</code>" in shown
    assert "&lt;b&gt;" in shown
    assert told("due 2026-99-01 12:00 UTC") == "due 2026-99-01 12:00 UTC"
