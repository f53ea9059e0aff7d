"""Waiting for the end of a run, without processes: the launcher is told when its task ends."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from landfall.local.jobs_server.child import TaskOrder
from landfall.local.jobs_server.dispatcher import Dispatcher
from landfall.local.jobs_server.engine import Engine
from landfall.local.jobs_server.launcher import Child, Ended, Launcher
from landfall.local.jobs_server.runs import FailureMode, Run, TaskRun
from landfall.local.jobs_server.store import Store
from tests.loopback import PATIENCE_S


class _OneTask:
    """A launcher whose only task ends when a test says so."""

    def __init__(self) -> None:
        self.child = Child(ended=asyncio.get_running_loop().create_future())

    async def launch(self, order: TaskOrder) -> Child:
        return self.child


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "jobs.db")
    yield store
    store.close()


def _started(store: Store, launcher: _OneTask, folder: Path) -> tuple[Dispatcher, int]:
    dispatcher = Dispatcher(
        store, cast(Launcher, launcher), folder=folder, slots=1, mode=FailureMode.SERVERLESS, environ={}
    )
    return dispatcher, _submit(store, dispatcher)


def _submit(store: Store, dispatcher: Dispatcher) -> int:
    definition = {"python_wheel_task": {"package_name": "p", "entry_point": "e"}}

    def build(next_id: Callable[[], int]) -> Run:
        run_id = next_id()
        return Run(run_id, run_id, "a run", "SUBMIT_RUN", run_id, 0, [TaskRun(next_id(), "node", definition)])

    run, _ = store.add_run(build, None)
    dispatcher.accept(run, queue=True)
    return run.run_id


def test_who_waits_for_a_run_goes_on_when_it_has_ended(store: Store, tmp_path: Path) -> None:
    async def wait_for_the_end() -> bool:
        launcher = _OneTask()
        dispatcher, run_id = _started(store, launcher, tmp_path)
        waiting = asyncio.create_task(dispatcher.wait_for_end(run_id, within_s=PATIENCE_S))
        await asyncio.sleep(0)
        assert not waiting.done()

        launcher.child.ended.set_result(Ended(status=0))
        await waiting
        return store.get_run(run_id).active

    assert asyncio.run(wait_for_the_end()) is False


def test_who_waits_for_a_run_that_goes_on_waits_no_longer_than_said(store: Store, tmp_path: Path) -> None:
    async def wait_in_vain() -> bool:
        launcher = _OneTask()
        dispatcher, run_id = _started(store, launcher, tmp_path)
        await dispatcher.wait_for_end(run_id, within_s=0.01)
        found = dispatcher.find(run_id)
        goes_on = found is not None and found.active
        launcher.child.ended.set_result(Ended(status=0))
        await dispatcher.close()
        return goes_on

    assert asyncio.run(wait_in_vain()) is True


def test_nobody_waits_for_a_run_that_is_not_known(store: Store, tmp_path: Path) -> None:
    async def wait_for_nothing() -> None:
        dispatcher, run_id = _started(store, _OneTask(), tmp_path)
        await dispatcher.wait_for_end(run_id + 100, within_s=PATIENCE_S)

    asyncio.run(wait_for_nothing())


class _Tasks:
    """A launcher whose tasks end when a test says so."""

    def __init__(self) -> None:
        self.children: list[Child] = []

    async def launch(self, order: TaskOrder) -> Child:
        self.children.append(Child(ended=asyncio.get_running_loop().create_future()))
        return self.children[-1]


class _Engine:
    """An engine that holds what a test says, and is ready again when a test says so."""

    worn_at, full_at = 10, 20

    def __init__(self) -> None:
        self.held = 0
        self.renewals: list[asyncio.Event] = []

    def memory_bytes(self) -> int:
        return self.held

    async def renew(self) -> None:
        self.renewals.append(asyncio.Event())
        await self.renewals[-1].wait()
        self.held = 0


def _dispatcher(store: Store, launcher: _Tasks, folder: Path, engine: _Engine) -> Dispatcher:
    return Dispatcher(
        store,
        cast(Launcher, launcher),
        folder=folder,
        slots=2,
        mode=FailureMode.SERVERLESS,
        environ={},
        engine=cast(Engine, engine),
    )


def _working(store: Store, folder: Path) -> tuple[_Tasks, _Engine, Dispatcher]:
    """Return a dispatcher that was given a first run, what it launches with, and its engine."""
    launcher, engine = _Tasks(), _Engine()
    dispatcher = _dispatcher(store, launcher, folder, engine)
    _submit(store, dispatcher)
    return launcher, engine, dispatcher


async def _let_others_work() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_worn_engine_is_renewed_when_no_run_uses_it(store: Store, tmp_path: Path) -> None:
    async def run() -> None:
        launcher, engine, dispatcher = _working(store, tmp_path)
        engine.held = 15
        _submit(store, dispatcher)
        await _let_others_work()
        assert len(launcher.children) == 2, "a worn engine takes tasks while it works anyway"

        launcher.children[0].ended.set_result(Ended(status=0))
        await _let_others_work()
        assert not engine.renewals
        launcher.children[1].ended.set_result(Ended(status=0))
        await _let_others_work()
        assert len(engine.renewals) == 1

        _submit(store, dispatcher)
        await _let_others_work()
        assert len(launcher.children) == 2, "there is no engine just then"
        engine.renewals[0].set()
        await _let_others_work()
        assert len(launcher.children) == 3
        launcher.children[2].ended.set_result(Ended(status=0))
        await _let_others_work()
        assert len(engine.renewals) == 1
        await dispatcher.close()

    asyncio.run(run())


def test_a_full_engine_gets_no_further_run_until_it_is_renewed(store: Store, tmp_path: Path) -> None:
    async def run() -> None:
        launcher, engine, dispatcher = _working(store, tmp_path)
        engine.held = 20
        _submit(store, dispatcher)
        await _let_others_work()
        assert len(launcher.children) == 1

        launcher.children[0].ended.set_result(Ended(status=0))
        await _let_others_work()
        assert len(launcher.children) == 1
        engine.renewals[0].set()
        await _let_others_work()
        assert len(launcher.children) == 2
        launcher.children[1].ended.set_result(Ended(status=0))
        await dispatcher.close()

    asyncio.run(run())


def test_a_server_that_ends_does_not_wait_for_an_engine(store: Store, tmp_path: Path) -> None:
    async def run() -> None:
        launcher, engine = _Tasks(), _Engine()
        dispatcher = _dispatcher(store, launcher, tmp_path, engine)
        engine.held = 15
        _submit(store, dispatcher)
        await _let_others_work()
        await asyncio.wait_for(dispatcher.close(), PATIENCE_S)
        await _let_others_work()
        assert not launcher.children

    asyncio.run(run())
