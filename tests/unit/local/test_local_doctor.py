"""The doctor looks at this machine and a project, and names a remedy for whatever is wrong."""

import socket
from pathlib import Path

import pytest

from landfall.local import stack
from landfall.local.doctor import examine
from landfall.local.layout import Ports


def test_a_machine_that_runs_the_tests_has_what_it_takes(tmp_path: Path) -> None:
    (tmp_path / "landfall.yml").write_text("name: shop\n")

    findings = {finding.check: finding for finding in examine(tmp_path)}

    assert all(findings[check].ok for check in ("python", "packages", "project", "database"))
    assert not any(finding.remedy for finding in findings.values() if finding.ok)


def test_an_unsound_project_is_found(tmp_path: Path) -> None:
    (tmp_path / "landfall.yml").write_text("nme: shop\n")

    (project,) = [finding for finding in examine(tmp_path) if finding.check == "project"]

    assert not project.ok
    assert "landfall validate" in project.remedy


def test_a_port_that_another_program_has_is_found_before_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "landfall.yml").write_text("name: shop\n")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr(stack, "Ports", lambda: Ports(port, port, port, port))

        (found,) = [finding for finding in examine(tmp_path) if finding.check == "stack"]

    assert not found.ok
    assert str(port) in found.found
    assert "landfall up --help" in found.remedy
