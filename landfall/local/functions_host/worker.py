"""Runs the app's code as the Python worker does: ``def`` in threads, ``async def`` on one event loop.

That loop has its own thread, so a function that blocks it stalls other async functions, as in Azure, but not the host.
"""

import asyncio
import contextvars
import os
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import azure.functions as func
from azure.functions.meta import Datum

from landfall.local.functions_host import log
from landfall.local.functions_host.loading import AppFunction, ClientBinding

T = TypeVar("T")
THREADS_VARIABLE = "PYTHON_THREADPOOL_THREAD_COUNT"


@dataclass(slots=True)
class _TraceContext:
    trace_parent: str = ""
    trace_state: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _RetryContext:
    retry_count: int = 0
    max_retry_count: int = 0
    exception: Any = None


class InvocationContext(func.Context):
    """What a function gets for a parameter named ``context``."""

    def __init__(self, function_name: str, directory: Path) -> None:
        self._function_name = function_name
        self._directory = str(directory)
        self._invocation_id = str(uuid.uuid4())
        self._local = threading.local()

    @property
    def invocation_id(self) -> str:
        """Identifier of this call."""
        return self._invocation_id

    @property
    def thread_local_storage(self) -> Any:
        """Storage that carries the invocation id into threads of the function."""
        return self._local

    @property
    def function_name(self) -> str:
        """Name of the function."""
        return self._function_name

    @property
    def function_directory(self) -> str:
        """Folder of the app."""
        return self._directory

    @property
    def trace_context(self) -> Any:
        """Trace headers of the call; this host has none."""
        return _TraceContext()

    @property
    def retry_context(self) -> Any:
        """Retry state of the call; this host does not retry functions."""
        return _RetryContext()


class FunctionTimedOut(Exception):
    """A function ran longer than ``functionTimeout`` of host.json allows."""


def thread_count(environ: Mapping[str, str]) -> int:
    """Return the size of the thread pool: the app setting, or cores + 4."""
    wanted = environ.get(THREADS_VARIABLE, "")
    return max(1, int(wanted)) if wanted.isdigit() else min(32, (os.cpu_count() or 1) + 4)


class Worker:
    """Where the app's functions run; call its methods from the host's event loop."""

    def __init__(
        self,
        directory: Path,
        client_text: Callable[[ClientBinding], str],
        threads: int,
        timeout: timedelta | None = None,
    ) -> None:
        """Start the thread pool and the event loop.

        Args:
            directory: Folder of the app.
            client_text: Gives the JSON for a Durable client parameter.
            threads: Size of the pool.
            timeout: Longest run of a function.
        """
        self._directory = directory
        self._client_text = client_text
        self._timeout_s = timeout.total_seconds() if timeout is not None else None
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="function")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="async-functions", daemon=True)
        self._thread.start()

    async def call(self, function: AppFunction, trigger_value: Any, instance: str | None = None) -> Any:
        """Call a function with its trigger's value and whatever else it wants; return what it returns.

        Raises:
            FunctionTimedOut: It ran too long; a thread that runs it is not stopped.
            RuntimeError: It returned a value that has no place to go.
            Exception: Whatever the function raises.
        """
        arguments: dict[str, Any] = {function.parameter: trigger_value}
        for client in function.clients:
            arguments[client.parameter] = self._client_text(client)
        if function.wants_context:
            arguments["context"] = InvocationContext(function.name, self._directory)
        with log.invocation(function.name, instance):
            if function.is_async:
                running = self._on_loop(function.call, arguments)
            else:
                running = self._in_thread(function.call, arguments)
            done, _ = await asyncio.wait({running}, timeout=self._timeout_s)
        if not done:
            running.cancel()
            raise FunctionTimedOut(
                f"Timeout value of {timedelta(seconds=self._timeout_s or 0)} exceeded by function: {function.name}"
            )
        value = running.result()
        if value is not None and not function.returns_value:
            raise RuntimeError(
                f"function {function.name!r} without a $return binding returned a non-None value"
            )
        return value

    async def run(self, job: Callable[..., T], *arguments: Any, function: str, instance: str) -> T:
        """Run a synchronous job in the pool, with log lines stamped with function and instance."""
        with log.invocation(function, instance):
            context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, job, *arguments)

    async def close(self, grace_s: float = 1.0) -> bool:
        """Stop the loop and the pool; return whether every thread has ended."""
        wound_up = asyncio.wrap_future(self._submit(_wind_up()))
        # A function that blocks the loop, or swallows its cancellation, is left to the end of the process.
        await asyncio.wait({wound_up}, timeout=grace_s)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(grace_s)
        self._pool.shutdown(wait=False, cancel_futures=True)
        return not any(thread.is_alive() for thread in (self._thread, *self._pool._threads))

    def _on_loop(self, call: Callable[..., Any], arguments: dict[str, Any]) -> "asyncio.Future[Any]":
        context = contextvars.copy_context()

        async def invoke() -> Any:
            return await asyncio.get_running_loop().create_task(call(**arguments), context=context)

        return asyncio.wrap_future(self._submit(invoke()))

    def _in_thread(self, call: Callable[..., Any], arguments: dict[str, Any]) -> "asyncio.Future[Any]":
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._pool, lambda: context.run(call, **arguments))

    def _submit(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)


def converter_of(binding_type: str) -> Any:
    """Return the worker's converter for a binding type, ``None`` if it has none."""
    return func.get_binding_registry().get(binding_type)  # type: ignore[no-untyped-call]


def decode(trigger_type: str, value: Any, kind: str) -> Any:
    """Return the argument that the worker's converter builds for a trigger from a value of that kind."""
    converter = converter_of(trigger_type)
    if converter is None:
        return value
    return converter.decode(Datum(value, kind), trigger_metadata={})


def encode_activity_result(value: Any) -> str:
    """Return an activity's result as JSON text.

    Raises:
        ValueError: The value cannot be written as JSON.
    """
    text: str = converter_of("activityTrigger").encode(value, expected_type=None).value
    return text


async def _wind_up() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    # The SDK keeps one HTTP session for the life of the process and has no hook to close it.
    from azure.durable_functions.models.utils import http_utils

    await http_utils._close_session()
    # The lock belongs to the loop that first waited for it; another host in this process has another loop.
    http_utils._session_lock = asyncio.Lock()
