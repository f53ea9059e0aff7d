"""The JSON documents of runs and jobs, with both generations of the state fields."""

from typing import Any

from landfall.local.jobs_server.runs import QUEUE_MESSAGES, Ending, Json, Phase, QueueReason, Run, TaskRun

CREATOR = "landfall@localhost"
PAGE_OF_TASKS = 100


def run_document(run: Run, *, base_url: str, now_ms: int, first_task: int = 0) -> Json:
    """Return the answer to runs/get: at most 100 tasks from ``first_task`` on, and the token of the next page."""
    document = run_summary(run, base_url=base_url, now_ms=now_ms)
    tasks = run.tasks[first_task : first_task + PAGE_OF_TASKS]
    document["tasks"] = [_task_document(run, task, base_url=base_url, now_ms=now_ms) for task in tasks]
    following = first_task + PAGE_OF_TASKS
    if following < len(run.tasks):
        document["next_page_token"] = str(following)
    return document


def run_summary(run: Run, *, base_url: str, now_ms: int) -> Json:
    """Return the run without its tasks, as runs/list shows it."""
    started_at = run.started_at_ms or run.ended_at_ms or now_ms
    ended_at = run.ended_at_ms or now_ms
    document: Json = {
        "run_id": run.run_id,
        "job_id": run.job_id,
        "run_name": run.run_name,
        "run_type": run.run_type,
        "number_in_job": run.number_in_job,
        "original_attempt_run_id": run.run_id,
        "job_run_id": run.run_id,
        "creator_user_name": CREATOR,
        "run_page_url": f"{base_url}/#job/{run.job_id}/run/{run.run_id}",
        "trigger": "ONE_TIME",
        "start_time": run.created_at_ms,
        "end_time": run.ended_at_ms,
        "queue_duration": started_at - run.created_at_ms,
        "run_duration": ended_at - run.created_at_ms if run.ended_at_ms else 0,
        # A run of one task shows its task's times; the API leaves them 0 for several tasks.
        **(_durations(run, run.tasks[0], now_ms) if len(run.tasks) == 1 else _NO_DURATIONS),
        **_states(run.phase, run.ending, run.queue_reason),
    }
    if run.parameters:
        document["job_parameters"] = run.parameters
    if run.performance_target:
        document["effective_performance_target"] = run.performance_target
    return document


def task_output(
    run: Run, task: TaskRun, logs: tuple[str, bool] | None, *, base_url: str, now_ms: int
) -> Json:
    """Return the answer to runs/get-output; ``logs`` is the text and whether it was cut, once the task ended."""
    metadata = run_summary(run, base_url=base_url, now_ms=now_ms)
    metadata.update(_task_document(run, task, base_url=base_url, now_ms=now_ms))
    document: Json = {"metadata": metadata}
    if logs is not None:
        document["logs"], document["logs_truncated"] = logs
    if task.error is not None:
        document["error"] = task.error
    if task.error_trace is not None:
        document["error_trace"] = task.error_trace
    return document


def job_document(job_id: int, settings: Json, created_at_ms: int) -> Json:
    """Return the answer to jobs/get."""
    return {
        "job_id": job_id,
        "creator_user_name": CREATOR,
        "run_as_user_name": CREATOR,
        "created_time": created_at_ms,
        "settings": settings,
    }


_NO_DURATIONS = {"setup_duration": 0, "execution_duration": 0, "cleanup_duration": 0}


def _durations(run: Run, task: TaskRun, now_ms: int) -> Json:
    if not task.started_at_ms:
        return _NO_DURATIONS
    return {
        "setup_duration": max(task.started_at_ms - run.started_at_ms, 0),
        "execution_duration": (task.ended_at_ms or now_ms) - task.started_at_ms,
        "cleanup_duration": 0,
    }


def _task_document(run: Run, task: TaskRun, *, base_url: str, now_ms: int) -> Json:
    return {
        **task.definition,
        "run_id": task.run_id,
        "task_key": task.task_key,
        "attempt_number": 0,
        "run_if": "ALL_SUCCESS",
        "run_page_url": f"{base_url}/#job/{run.job_id}/run/{task.run_id}",
        "start_time": task.started_at_ms or run.created_at_ms,
        "end_time": task.ended_at_ms,
        **_durations(run, task, now_ms),
        **_states(task.phase, task.ending, run.queue_reason if task.phase is Phase.QUEUED else None),
    }


def _states(phase: Phase, ending: Ending | None, queue_reason: QueueReason | None) -> Json:
    if ending is not None and phase is Phase.ENDED:
        state: dict[str, Any] = {
            "life_cycle_state": ending.life_cycle,
            "state_message": ending.message,
            "user_cancelled_or_timedout": ending.stopped,
        }
        if ending.result is not None:
            state["result_state"] = ending.result
        details = {"code": ending.code, "type": ending.type, "message": ending.message}
        return {"state": state, "status": {"state": "TERMINATED", "termination_details": details}}
    state = {"life_cycle_state": str(phase), "state_message": "", "user_cancelled_or_timedout": False}
    status: Json = {"state": str(phase)}
    if queue_reason is not None and phase is Phase.QUEUED:
        message = QUEUE_MESSAGES[queue_reason]
        state |= {"state_message": message, "queue_reason": message}
        status["queue_details"] = {"code": str(queue_reason), "message": message}
    return {"state": state, "status": status}
