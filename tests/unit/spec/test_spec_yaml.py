"""Reading YAML that nobody vouches for: values, lines, and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landfall.spec.yaml_source import MAX_CHARACTERS, read_yaml


def test_plain_scalars_follow_the_core_schema() -> None:
    text = (
        "on: yes\nday: 2024-01-31\ncount: 12\nshare: 0.5\ncode: '007'\nflag: true\nnothing: ~\nbig: 1e400\n"
    )

    file = read_yaml(text, "x.yml")

    assert file.data == {
        "on": "yes",
        "day": "2024-01-31",
        "count": 12,
        "share": 0.5,
        "code": "007",
        "flag": True,
        "nothing": None,
        "big": "1e400",
    }


def test_every_value_knows_its_line() -> None:
    text = "a:\n  - x\n  - {b: 1,\n     c: 2}\nsql: |\n  select\n  1\n"

    mark = read_yaml(text, "x.yml").mark

    assert mark.at(("a", 1, "c")).line == 4
    assert mark.at(("a", 0)).line == 2
    assert mark.at(("sql",)).line_of_text(2) == 7
    assert mark.at(("a", 9, "nowhere")).line == 1


def test_an_alias_repeats_a_value() -> None:
    file = read_yaml("one: &measures {n: count(*)}\ntwo: *measures\n", "x.yml")

    assert file.data["two"] == {"n": "count(*)"}
    assert file.mark.at(("two", "n")).line == 1


REFUSED = {
    "tag": ("a: !!python/object/apply:os.system [ls]", 1, "LF1011"),
    "merge key": ("a: {}\nb:\n  <<: 1", 3, "LF1011"),
    "two documents": ("a: 1\n---\nb: 2", 2, "LF1011"),
    "alias without anchor": ("a: *x", 1, "LF1011"),
    "alias of itself": ("a: &a [*a]", 1, "LF1011"),
    "list as a key": ("? [1]\n: 2", 1, "LF1011"),
    "too deep": ("[" * 60 + "]" * 60, 1, "LF1011"),
    "too long": ("#" * (MAX_CHARACTERS + 1), 1, "LF1011"),
    "half a character": ('a: "\\ud83d"', 1, "LF1011"),
    "control character": ("a: \x07", 1, "LF1010"),
    "open bracket": ("a:\n  - [1, 2\nb: 3", 3, "LF1010"),
    "tab": ("a:\n\t- 1", 2, "LF1010"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_file_may_not_hold_is_refused_at_its_line(case: str) -> None:
    text, line, code = REFUSED[case]

    file = read_yaml(text, "x.yml")

    assert file.data is None
    assert [(fault.line, fault.code) for fault in file.faults] == [(line, code)]


def test_aliases_that_unfold_without_end_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 12)]

    file = read_yaml("\n".join(lines), "bomb.yml")

    assert file.data is None
    assert "unfolds to more than" in file.faults[0].message


def test_a_repeated_key_keeps_the_first_value_and_reading_goes_on() -> None:
    file = read_yaml("a: 1\nb: 2\na: 3\nb: 4\n", "x.yml")

    assert file.data == {"a": 1, "b": 2}
    assert [(fault.line, fault.code) for fault in file.faults] == [(3, "LF1012"), (4, "LF1012")]


# Without control characters and surrogates, which YAML does not take.
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp")), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXT.filter(lambda key: key != "<<"), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_json_is_read_as_json(value: object) -> None:
    text = json.dumps(value, ensure_ascii=True)

    file = read_yaml(text, "x.yml")

    assert file.faults == ()
    assert file.data == value


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    file = read_yaml(text, "x.yml")

    assert file.data is None or not any(fault.code == "LF1010" for fault in file.faults)
