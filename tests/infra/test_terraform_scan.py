"""checkov, with the rules of others, finds in `infra/terraform` what is excused with a reason and nothing else."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.infra.terraform import REPOSITORY, SOURCE

pytestmark = pytest.mark.infra

_TOOLS = REPOSITORY / ".landfall/tools/checkov"
_EXCUSES = SOURCE / ".checkov.yaml"
_EXCUSE = re.compile(r"^  - (CKV2?_\w+)(?:  # (.+))?$", re.M)

# What nobody here would write: scanned beside the source, so that a scan which sees nothing is found out.
_REFUSED = """
resource "azurerm_storage_account" "open" {
  name                            = "open"
  location                        = "westeurope"
  resource_group_name             = "open"
  account_tier                    = "Standard"
  account_replication_type        = "LRS"
  min_tls_version                 = "TLS1_0"
  public_network_access_enabled   = true
  allow_nested_items_to_be_public = true
}
"""


@dataclass(frozen=True, slots=True)
class _Scan:
    """Rules that failed, in the source and in what must be refused."""

    source: frozenset[str]
    refused: frozenset[str]
    resources: int


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> _Scan:
    if not (_TOOLS / ".landfall-setup").exists():
        pytest.skip("the scanner checkov is not there: run `make checkov`")
    root = tmp_path_factory.mktemp("scan") / "terraform"
    shutil.copytree(
        SOURCE, root, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "wheels", ".checkov.yaml")
    )
    refused = root / "stacks/refused/main.tf"
    refused.parent.mkdir()
    refused.write_text(_REFUSED)
    done = subprocess.run(
        [
            _TOOLS / "bin/python",
            _TOOLS / "bin/checkov",
            *("--directory", root, "--framework", "terraform", "--output", "json"),
            # Without it every finding is looked up on the net.
            "--skip-download",
        ],
        cwd=root,
        env=os.environ | {"LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    found: Mapping[str, Any] = json.loads(done.stdout)
    failed = [
        (str(check["file_path"]).startswith("/stacks/refused/"), str(check["check_id"]))
        for check in found["results"]["failed_checks"]
    ]
    return _Scan(
        frozenset(rule for is_refused, rule in failed if not is_refused),
        frozenset(rule for is_refused, rule in failed if is_refused),
        found["summary"]["resource_count"],
    )


def test_nothing_fails_but_what_is_excused_and_no_excuse_is_left_over(scan: _Scan) -> None:
    assert scan.resources > 150
    assert scan.source == {rule for rule, _ in _EXCUSE.findall(_EXCUSES.read_text())}


def test_an_open_account_is_refused(scan: _Scan) -> None:
    tls, anonymous, public = "CKV_AZURE_44", "CKV_AZURE_190", "CKV_AZURE_59"

    assert {tls, anonymous, public} <= scan.refused


def test_each_excuse_has_a_reason() -> None:
    text = _EXCUSES.read_text()

    assert len(_EXCUSE.findall(text)) == text.count("\n  - ")
    assert [rule for rule, reason in _EXCUSE.findall(text) if len(reason.split()) < 6] == []
