"""The token of an attempt, and the job that the saved job and a one-time run both are."""

from landfall.jobs.profile import ComputeProfile
from landfall.jobs.tokens import idempotency_token


def test_a_token_is_as_long_as_the_platform_takes() -> None:
    token = idempotency_token("r1", "orders_silver", 1)

    assert len(token) == 64
    assert token == idempotency_token("r1", "orders_silver", 1)


def test_each_attempt_has_its_own_token() -> None:
    tokens = {idempotency_token(run, node, attempt) for run in "ab" for node in "cd" for attempt in (1, 2)}

    assert len(tokens) == 8


def test_the_saved_job_takes_the_spec_as_a_parameter() -> None:
    settings = ComputeProfile(
        dependencies=("/Volumes/ops/wheels/spark_runtime-1.0-py3-none-any.whl",)
    ).saved_job()

    (task,) = settings["tasks"]
    assert settings["parameters"] == [{"name": "spec_uri", "default": ""}]
    assert task["python_wheel_task"] == {
        "package_name": "spark_runtime",
        "entry_point": "run",
        "named_parameters": {"spec-uri": "{{job.parameters.spec_uri}}"},
    }
    assert settings["environments"][0]["spec"]["dependencies"] == [
        "/Volumes/ops/wheels/spark_runtime-1.0-py3-none-any.whl"
    ]


def test_the_platform_neither_retries_nor_skips() -> None:
    for settings in (
        ComputeProfile().saved_job(),
        ComputeProfile().one_time_run("abfss://control@a/spec.json", run_name="n", timeout_s=60),
    ):
        (task,) = settings["tasks"]
        assert task["max_retries"] == 0
        assert task["disable_auto_optimization"]
        assert settings["queue"] == {"enabled": True}
    assert ComputeProfile().saved_job()["max_concurrent_runs"] == 1000


def test_a_one_time_run_has_its_own_name_and_limit() -> None:
    body = ComputeProfile().one_time_run("abfss://control@a/spec.json", run_name="orders", timeout_s=60)

    assert (body["run_name"], body["timeout_seconds"]) == ("orders", 60)
    assert body["tasks"][0]["python_wheel_task"]["named_parameters"] == {
        "spec-uri": "abfss://control@a/spec.json"
    }
