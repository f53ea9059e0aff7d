"""The settings written for the real Functions host are those that the example file shows."""

import json
from pathlib import Path

from landfall.local.func_settings import func_settings
from landfall.local.laptop_env import laptop_environment
from landfall.local.layout import Layout, Ports
from landfall.settings import Settings

EXAMPLE = Path(__file__).parents[3] / "local.settings.example.json"


def test_the_written_settings_have_what_the_example_has(tmp_path: Path) -> None:
    variables = laptop_environment(Layout(tmp_path), Ports()) | {"LANDFALL_JOB_ID": "1"}

    written = json.loads(func_settings(variables, queue_port=10001, table_port=10002))

    example = json.loads(EXAMPLE.read_text())
    assert set(written["Values"]) == set(example["Values"])
    assert written["IsEncrypted"] is False
    assert Settings.from_environment(written["Values"]).job_id == 1


def test_our_ports_leave_the_real_hosts_port_alone() -> None:
    names = {name for name, _ in Ports().listened_on(with_host=False)}

    assert names == {"blob", "spark", "jobs", "queue", "table"}
    assert {name for name, _ in Ports().listened_on(with_host=True)} == {"blob", "spark", "jobs", "functions"}
