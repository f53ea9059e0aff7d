"""The files that the stack leaves for others to read."""

import stat
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from landfall.local.laptop_env import laptop_environment, read_environment, write_environment
from landfall.local.layout import Layout, Ports
from landfall.local.stack_state import (
    ServiceInfo,
    ServiceState,
    StackInfo,
    StackPhase,
    read_state,
    write_state,
)
from landfall.settings import IdentitySettings, Settings


def test_the_environment_file_holds_all_settings_and_is_private(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    ports = Ports(blob=1, spark=2, jobs=3, functions=4)

    write_environment(layout.env_file, laptop_environment(layout, ports) | {"LANDFALL_JOB_ID": "17"})

    settings = Settings.from_environment(read_environment(layout.env_file))
    assert settings.blob_endpoint == "http://127.0.0.1:1/devstoreaccount1"
    assert settings.databricks_host == "http://127.0.0.1:3"
    assert settings.functions_url == "http://127.0.0.1:4"
    assert settings.database_url == f"sqlite:///{tmp_path}/.landfall/metadata.db"
    assert settings.job_id == 17
    assert settings.databricks_token
    assert IdentitySettings.from_environment(read_environment(layout.env_file)).insecure_local
    for file in (layout.env_file, layout.jobs_token):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_secrets_stay_from_start_to_start(tmp_path: Path) -> None:
    layout = Layout(tmp_path)

    first = laptop_environment(layout, Ports())

    assert laptop_environment(layout, Ports()) == first


@given(value=st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs", "Zl", "Zp", "Cc"])))
def test_a_value_reads_as_it_was_written(value: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "laptop.env"
        write_environment(file, {"A": value, "B": "b"})
        assert read_environment(file) == {"A": value, "B": "b"}


def test_a_missing_environment_file_holds_nothing(tmp_path: Path) -> None:
    assert read_environment(tmp_path / "laptop.env") == {}


def test_the_state_reads_as_it_was_written(tmp_path: Path) -> None:
    info = StackInfo(
        root=tmp_path,
        phase=StackPhase.READY,
        supervisor_pid=1,
        services=(
            ServiceInfo("azurite", "storage", ServiceState.READY, port=10000, pid=2, since=3.5, restarts=1),
            ServiceInfo("events", "storage events", fault="ended with 1"),
        ),
        env_file=tmp_path / "laptop.env",
    )

    write_state(tmp_path / "stack.json", info)

    assert read_state(tmp_path / "stack.json") == info
    assert info.service("azurite").port == 10000


def test_a_state_file_that_is_not_one_is_none(tmp_path: Path) -> None:
    file = tmp_path / "stack.json"
    assert read_state(file) is None
    for text in ("", "{}", "[]", '{"root": "/"}'):
        file.write_text(text)
        assert read_state(file) is None


def test_free_ports_differ() -> None:
    ports = [port for _, port in Ports.free().named()]

    assert len(set(ports)) == len(ports)
    assert all(port > 1023 for port in ports)
