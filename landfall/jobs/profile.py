"""What a job looks like to Databricks: one wheel task on serverless compute, as a saved job or a one-time run."""

from dataclasses import dataclass
from typing import Any

ENVIRONMENT = "default"
TASK = "node"
MOST_CONCURRENT_RUNS = 1000  # the platform's limit; 1 is its default and would queue every second node


@dataclass(frozen=True, slots=True)
class ComputeProfile:
    """One kind of compute that nodes run on, with the code they run.

    Attributes:
        name: Of the saved job; unique in the workspace by our own care.
        package_name: Distribution of the wheel.
        entry_point: Name of the entry point in its metadata.
        dependencies: Where serverless compute finds the wheel: paths in a volume or the workspace. On a laptop the
            package is installed beside the jobs server and nothing is needed.
        environment_version: Of serverless compute; 4 has Python 3.12 and is supported until August 2028.
        performance_target: PERFORMANCE_OPTIMIZED starts within a minute, STANDARD costs less and takes several.
        timeout_s: Seconds after which the platform ends a run of the saved job, 0 for never.
    """

    name: str = "landfall-default"
    package_name: str = "spark_runtime"
    entry_point: str = "run"
    dependencies: tuple[str, ...] = ()
    environment_version: str = "4"
    performance_target: str = "PERFORMANCE_OPTIMIZED"
    timeout_s: int = 0

    def saved_job(self) -> dict[str, Any]:
        """Return the settings of the saved job; the spec's address is a parameter of each run."""
        return {
            "name": self.name,
            "max_concurrent_runs": MOST_CONCURRENT_RUNS,
            "parameters": [{"name": "spec_uri", "default": ""}],
            **self._run_settings("{{job.parameters.spec_uri}}", self.timeout_s),
        }

    def one_time_run(self, spec_uri: str, *, run_name: str, timeout_s: int) -> dict[str, Any]:
        """Return the body of a one-time run, but for its token."""
        return {"run_name": run_name, **self._run_settings(spec_uri, timeout_s)}

    def _run_settings(self, spec_uri: str, timeout_s: int) -> dict[str, Any]:
        return {
            "queue": {"enabled": True},
            "timeout_seconds": timeout_s,
            "performance_target": self.performance_target,
            "environments": [
                {
                    "environment_key": ENVIRONMENT,
                    "spec": {
                        "environment_version": self.environment_version,
                        "dependencies": list(self.dependencies),
                    },
                }
            ],
            "tasks": [
                {
                    "task_key": TASK,
                    "environment_key": ENVIRONMENT,
                    # Retries are decided in one place, by the orchestration; the platform makes none of its own.
                    "max_retries": 0,
                    "disable_auto_optimization": True,
                    "python_wheel_task": {
                        "package_name": self.package_name,
                        "entry_point": self.entry_point,
                        "named_parameters": {"spec-uri": spec_uri},
                    },
                }
            ],
        }


DEFAULT_PROFILE = ComputeProfile()
