"""What each call of the Jobs API means: from a checked request to the store and the dispatcher, and back."""

from collections.abc import Callable

from landfall.local.jobs_server.dispatcher import Dispatcher, now_ms
from landfall.local.jobs_server.documents import job_document, run_document, run_summary, task_output
from landfall.local.jobs_server.errors import ApiError, invalid
from landfall.local.jobs_server.requests import (
    check_settings,
    flag,
    integer,
    optional_integer,
    parents_of,
    resolve,
    run_parameters,
    token_of,
)
from landfall.local.jobs_server.runs import Json, Run, TaskRun
from landfall.local.jobs_server.store import RunFilter, SavedJob, Store

MOST_RUNS_PER_PAGE = 25
MOST_JOBS_PER_PAGE = 100
DEFAULT_PAGE = 20

Query = dict[str, str]


class JobsApi:
    """The calls of the Jobs API 2.2 that the server answers."""

    def __init__(self, store: Store, dispatcher: Dispatcher) -> None:
        self._store = store
        self._dispatcher = dispatcher

    def posts(self) -> dict[str, Callable[[Json], Json]]:
        """Return the calls with a body, by their path below ``/api/2.2/jobs/``."""
        return {
            "create": self.create,
            "reset": self.reset,
            "update": self.update,
            "delete": self.delete,
            "run-now": self.run_now,
            "runs/submit": self.submit,
            "runs/cancel": self.cancel_run,
            "runs/cancel-all": self.cancel_all_runs,
            "runs/delete": self.delete_run,
        }

    def gets(self) -> dict[str, Callable[[Query, str], Json]]:
        """Return the calls with a query, by their path below ``/api/2.2/jobs/``."""
        return {
            "get": self.get,
            "list": self.list_jobs,
            "runs/get": self.get_run,
            "runs/get-output": self.get_run_output,
            "runs/list": self.list_runs,
        }

    # Saved jobs

    def create(self, body: Json) -> Json:
        return {"job_id": self._store.create_job(_job_settings(body), now_ms())}

    def reset(self, body: Json) -> Json:
        job = self._store.get_job(integer(body, "job_id"))
        settings = _job_settings(_new_settings(body))
        if "run_as" in job.settings:
            settings.setdefault("run_as", job.settings["run_as"])  # the platform keeps it as well
        self._store.save_settings(job.job_id, settings)
        return {}

    def update(self, body: Json) -> Json:
        job = self._store.get_job(integer(body, "job_id"))
        settings = {**job.settings, **_new_settings(body, required=False)}
        for field in body.get("fields_to_remove") or []:
            settings.pop(field, None)
        self._store.save_settings(job.job_id, _job_settings(settings))
        return {}

    def get(self, query: Query, base_url: str) -> Json:
        job = self._store.get_job(integer(query, "job_id"))
        return job_document(job.job_id, job.settings, job.created_at_ms)

    def list_jobs(self, query: Query, base_url: str) -> Json:
        limit = _limit(query, MOST_JOBS_PER_PAGE)
        before = optional_integer(query, "page_token")
        found = self._store.jobs(name=query.get("name") or None, before_job_id=before, limit=limit + 1)
        answer: Json = {
            "jobs": [_listed_job(job, with_tasks=flag(query, "expand_tasks")) for job in found[:limit]]
        }
        if len(found) > limit:
            answer["next_page_token"] = str(found[limit - 1].job_id)
        return answer

    def delete(self, body: Json) -> Json:
        job = self._store.get_job(integer(body, "job_id"))
        self._store.delete_job(job.job_id)
        return {}

    # Runs

    def submit(self, body: Json) -> Json:
        settings = check_settings(body)

        def build(next_id: Callable[[], int]) -> Run:
            run_id = next_id()
            return _new_run(settings, body, next_id, run_id=run_id, job=None)

        run, new = self._store.add_run(build, token_of(body))
        if new:
            self._dispatcher.accept(run, queue=True)
        return {"run_id": run.run_id}

    def run_now(self, body: Json) -> Json:
        job = self._store.get_job(integer(body, "job_id"))

        def build(next_id: Callable[[], int]) -> Run:
            return _new_run(job.settings, body, next_id, run_id=next_id(), job=job)

        run, new = self._store.add_run(build, token_of(body))
        if new:
            # API 2.2 queues unless the job or the request says otherwise.
            queue = body.get("queue") or job.settings.get("queue") or {}
            self._dispatcher.accept(run, queue=bool(queue.get("enabled", True)))
        return {"run_id": run.run_id, "number_in_job": run.number_in_job}

    async def wait_for_end(self, query: Query, *, within_s: float) -> None:
        """Return when the run that is asked for has ended, or after so many seconds."""
        await self._dispatcher.wait_for_end(integer(query, "run_id"), within_s=within_s)

    def get_run(self, query: Query, base_url: str) -> Json:
        run = self._find_run(integer(query, "run_id"))
        first_task = optional_integer(query, "page_token") or 0
        return run_document(run, base_url=base_url, now_ms=now_ms(), first_task=first_task)

    def get_run_output(self, query: Query, base_url: str) -> Json:
        run_id = integer(query, "run_id")
        run = self._find_run(run_id)
        if run_id == run.run_id:
            raise invalid(
                "Retrieving the output of runs with multiple tasks is not supported. "
                "Please retrieve the output of each individual task run instead."
            )
        task = next(task for task in run.tasks if task.run_id == run_id)
        logs = self._dispatcher.output(run, task) if task.ending is not None else None
        return task_output(run, task, logs, base_url=base_url, now_ms=now_ms())

    def list_runs(self, query: Query, base_url: str) -> Json:
        limit = _limit(query, MOST_RUNS_PER_PAGE)
        if flag(query, "active_only") and flag(query, "completed_only"):
            raise invalid("active_only and completed_only exclude each other.")
        chosen = RunFilter(
            active=True if flag(query, "active_only") else False if flag(query, "completed_only") else None,
            job_id=optional_integer(query, "job_id"),
            run_type=query.get("run_type") or None,
            created_from_ms=optional_integer(query, "start_time_from"),
            created_to_ms=optional_integer(query, "start_time_to"),
            before_run_id=optional_integer(query, "page_token"),
        )
        found = self._store.runs(chosen, limit + 1)
        moment = now_ms()
        show = run_document if flag(query, "expand_tasks") else run_summary
        answer: Json = {"runs": [show(run, base_url=base_url, now_ms=moment) for run in found[:limit]]}
        if len(found) > limit:
            answer["next_page_token"] = str(found[limit - 1].run_id)
        return answer

    def cancel_run(self, body: Json) -> Json:
        run = self._find_run(integer(body, "run_id"))
        self._dispatcher.cancel(run.run_id)
        return {}

    def cancel_all_runs(self, body: Json) -> Json:
        job_id = optional_integer(body, "job_id")
        if job_id is None and not body.get("all_queued_runs"):
            raise invalid("job_id is required unless all_queued_runs is set.")
        for run in self._dispatcher.unfinished():
            if job_id in (None, run.job_id) and (job_id is not None or run.queue_reason is not None):
                self._dispatcher.cancel(run.run_id)
        return {}

    def delete_run(self, body: Json) -> Json:
        run = self._find_run(integer(body, "run_id"))
        if run.active:
            raise ApiError(400, "INVALID_STATE", f"Run {run.run_id} is active; cancel it before deleting it.")
        self._store.delete_run(run.run_id)
        return {}

    def _find_run(self, run_id: int) -> Run:
        return self._dispatcher.find(run_id) or self._store.get_run(run_id)


def _new_run(
    settings: Json, body: Json, next_id: Callable[[], int], *, run_id: int, job: SavedJob | None
) -> Run:
    job_id = run_id if job is None else job.job_id
    name = (body.get("run_name") or "Untitled") if job is None else settings["name"]
    parameters = run_parameters(settings, body) if job is not None else []
    references = {f"job.parameters.{parameter['name']}": parameter["value"] for parameter in parameters}
    references |= {"job.id": str(job_id), "job.run_id": str(run_id), "job.name": name}
    definitions = {task["task_key"]: task for task in settings["tasks"]}
    tasks = []
    for key, parents in parents_of(settings["tasks"]).items():
        task_run_id = next_id()
        own = {"task.run_id": str(task_run_id), "task.name": key}
        tasks.append(
            TaskRun(
                run_id=task_run_id,
                task_key=key,
                definition=resolve(definitions[key], references | own),
                parents=parents,
                timeout_s=int(definitions[key].get("timeout_seconds") or 0),
            )
        )
    return Run(
        run_id=run_id,
        job_id=job_id,
        run_name=name,
        run_type="SUBMIT_RUN" if job is None else "JOB_RUN",
        number_in_job=run_id,
        created_at_ms=now_ms(),
        tasks=tasks,
        parameters=parameters,
        # A saved job runs once at a time unless it says otherwise.
        max_concurrent_runs=None if job is None else int(settings.get("max_concurrent_runs", 1)),
        timeout_s=int(settings.get("timeout_seconds") or 0),
        performance_target=body.get("performance_target") or settings.get("performance_target"),
    )


def _job_settings(body: Json) -> Json:
    settings = {
        key: value for key, value in body.items() if key not in ("access_control_list", "idempotency_token")
    }
    settings.setdefault("name", "Untitled")
    settings.setdefault("max_concurrent_runs", 1)
    return check_settings(settings)


def _new_settings(body: Json, *, required: bool = True) -> Json:
    settings = body.get("new_settings")
    if settings is None and not required:
        return {}
    if not isinstance(settings, dict):
        raise invalid("new_settings is required and is an object.")
    return dict(settings)


def _listed_job(job: SavedJob, *, with_tasks: bool) -> Json:
    document = job_document(job.job_id, job.settings, job.created_at_ms)
    if not with_tasks:
        left_out = ("tasks", "environments", "job_clusters", "parameters")
        document["settings"] = {key: value for key, value in job.settings.items() if key not in left_out}
    return document


def _limit(query: Query, most: int) -> int:
    limit = optional_integer(query, "limit")
    if limit is None or limit == 0:
        return DEFAULT_PAGE
    if not 0 < limit <= most:
        raise invalid(f"limit must be between 1 and {most}, not {limit}.")
    return limit
