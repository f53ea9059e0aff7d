"""The smoke test says what is wrong, with programs that answer as curl and az would; Azure itself is not here."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.infra.terraform import REPOSITORY

pytestmark = pytest.mark.infra

# Answers by the last words of the command line; what comes from az is set by each test.
_CURL = """#!/usr/bin/env bash
case "$*" in
    *api/health*) exit "$HEALTH" ;;
    *--config*) printf '%s' "$SIGNED_IN" ;;
    *) printf '%s' "$SIGNED_OUT" ;;
esac
"""
_AZ = """#!/usr/bin/env bash
case "$1" in
    account) echo token ;;
    datafactory) echo /factory ;;
    rest) printf '%s' "$PENDING" ;;
    monitor) echo "$LOST" ;;
esac
"""
_GOOD = {"HEALTH": "0", "SIGNED_IN": "200", "SIGNED_OUT": "401", "PENDING": "", "LOST": "0.0"}


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({}, None),
        ({"HEALTH": "22"}, "the app answers"),
        ({"SIGNED_OUT": "200"}, "nobody reads runs without signing in"),
        ({"SIGNED_IN": "403"}, "who deploys reads runs"),
        ({"PENDING": "lake-dfs"}, "every private endpoint"),
        ({"LOST": "3.0"}, "no event of a landed file"),
    ],
    ids=["good", "health", "open", "refused", "pending", "lost"],
)
def test_each_fault_is_told_and_only_that(bad: dict[str, str], says: str | None, tmp_path: Path) -> None:
    for name, text in (("curl", _CURL), ("az", _AZ)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [REPOSITORY / "infra/azure-pipelines/smoke-test"],
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "LANDFALL_URL": "https://app.example",
            "LANDFALL_AUDIENCE": "api://app",
            "DATA_FACTORY": "adf",
            "DATA_FACTORY_GROUP": "rg",
            "EVENTS_TOPIC": "/topic",
            **_GOOD,
            **bad,
        },
        capture_output=True,
        text=True,
        check=False,
    )

    lines = done.stdout.splitlines()
    assert (len(lines), done.returncode) == (5, 0 if says is None else 1), done.stderr
    refused = [line for line in lines if line.startswith("FAIL")]
    assert len(refused) == (0 if says is None else 1)
    assert says is None or says in refused[0]
