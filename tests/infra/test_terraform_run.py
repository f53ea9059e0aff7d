"""`infra/terraform/run` calls Terraform for the wanted stacks, in order, with the files of the environment."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.infra.terraform import SOURCE, STACKS

pytestmark = pytest.mark.infra


def _run(
    tmp_path: Path, *arguments: str, **variables: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the script with a terraform that notes how it was called."""
    calls = tmp_path / "calls"
    calls.touch()
    program = tmp_path / "terraform"
    program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n')
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", **variables}
    done = subprocess.run(
        [SOURCE / "run", *arguments],
        env=environment,
        input="no\n",
        capture_output=True,
        text=True,
        check=False,
    )
    return done, calls.read_text().splitlines()


def test_all_stacks_are_planned_in_the_order_in_which_they_need_each_other(tmp_path: Path) -> None:
    done, calls = _run(tmp_path, "plan", "tst", ARM_SUBSCRIPTION_ID="s")

    assert done.returncode == 0, done.stderr
    assert [call.split()[0] for call in calls[::2]] == [f"-chdir=stacks/{stack}" for stack in STACKS]
    assert calls[0].endswith("-backend-config=../../env/tst.backend.hcl -backend-config=key=monitor.tfstate")
    assert calls[1].endswith("-out=tst.plan -var-file=../../env/tst.tfvars -var-file=env/tst.tfvars")
    assert not [call for call in calls if " apply " in call]


def test_nothing_is_applied_without_a_yes(tmp_path: Path) -> None:
    done, calls = _run(tmp_path, "apply", "dev", "sql", "storage", ARM_SUBSCRIPTION_ID="s")

    assert done.returncode == 2
    assert "not applied: storage" in done.stderr
    assert [call.split()[:2] for call in calls] == [["-chdir=stacks/storage", v] for v in ("init", "plan")]


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (["plan"], {}, "usage:"),
        (["destroy", "dev"], {}, "usage:"),
        (["plan", "acc"], {}, "there is no env/acc.tfvars"),
        (["plan", "dev", "sqll"], {}, "there is no stack 'sqll'"),
        (["plan", "dev"], {}, "ARM_SUBSCRIPTION_ID is not set"),
    ],
    ids=["nothing", "verb", "environment", "stack", "subscription"],
)
def test_a_wrong_call_is_refused_before_anything_runs(
    arguments: list[str], variables: dict[str, str], says: str, tmp_path: Path
) -> None:
    done, calls = _run(tmp_path, *arguments, **variables)

    assert done.returncode == 2
    assert says in done.stderr
    assert calls == []
