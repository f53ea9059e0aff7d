"""Loading an app, and calling its activities with what they expect."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from landfall.local.functions_host.errors import AppNotLoadable
from landfall.local.functions_host.loading import load_app
from tests.contract.functions_host.running import GALLERY, HostUnderTest

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads:DeprecationWarning")
HEAD = "import azure.functions as func\nimport azure.durable_functions as df\n"


@pytest.fixture(autouse=True)
def _leave_no_module() -> Iterator[None]:
    path = list(sys.path)
    yield
    sys.modules.pop("function_app", None)
    sys.path[:] = path


def an_app(folder: Path, code: str) -> Path:
    (folder / "function_app.py").write_text(HEAD + code)
    return folder


def test_load_single_app() -> None:
    table = load_app(GALLERY)

    functions = {function.name: function for function in table}
    assert len(functions) == len(list(table))
    assert functions["guarded"].trigger["authLevel"] == "FUNCTION"
    assert functions["numbered"].trigger["methods"] == ["POST", "GET"]
    assert functions["double"].trigger_type == "activityTrigger", "from the blueprint"
    assert functions["nightly"].trigger["schedule"] == "0 0 3 1 1 *"
    assert [client.parameter for client in functions["binding"].clients] == ["client"]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("", "found none"),
        ("a = df.DFApp()\nb = df.DFApp()", "found 2"),
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("app = df.DFApp()\nx = 1 / 0", "function_app.py:4: ZeroDivisionError"),
        ("def f(:", "SyntaxError"),
        ("app = df.DFApp()\n@app.function_name('f')\ndef f(): pass", "trigger"),
    ],
    ids=["load-no-app", "load-two-apps", "import", "line", "syntax", "no-trigger"],
)
def test_load_refuses(tmp_path: Path, code: str, text: str) -> None:
    with pytest.raises(AppNotLoadable, match=r"function_app\.py") as refused:
        load_app(an_app(tmp_path, code))

    assert text in str(refused.value)


def test_load_names_the_folder_without_an_app(tmp_path: Path) -> None:
    with pytest.raises(AppNotLoadable, match="no such file"):
        load_app(tmp_path)


def test_load_once(tmp_path: Path) -> None:
    app = an_app(
        tmp_path,
        "calls = []\nclass Counting(func.FunctionApp):\n    def get_functions(self):\n"
        "        calls.append(1)\n        return super().get_functions()\napp = Counting()\n",
    )

    load_app(app)
    load_app(app)

    assert sys.modules["function_app"].calls == [1]


def test_load_case_duplicate(tmp_path: Path) -> None:
    code = "app = func.FunctionApp()\n"
    for name in ("f1", "F1"):
        code += f"@app.route(route='{name}')\ndef {name}(req): return 'x'\n"

    with pytest.raises(AppNotLoadable, match="differ in case only"):
        load_app(an_app(tmp_path, code))


def test_load_durable_duplicate(tmp_path: Path) -> None:
    code = "app = df.DFApp()\n"
    for name in ("a", "b"):
        code += f"@app.activity_trigger(input_name='x', activity='Same')\ndef {name}(x): return x\n"

    with pytest.raises(AppNotLoadable, match="share the durable name 'Same'"):
        load_app(an_app(tmp_path, code))


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("def f(x: dict[str, int]): ...", "dict[str, int] is not a type to the worker"),
        ("def f(y): ...", "parameter 'y' has no binding"),
        ("def f(): ...", "binding 'x' has no parameter"),
    ],
)
def test_load_tells_what_azure_would_refuse(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, function: str, reason: str
) -> None:
    code = f"app = df.DFApp()\n@app.activity_trigger(input_name='x')\n{function}\n"

    load_app(an_app(tmp_path, code))

    told = [vars(record)["fields"]["reason"] for record in caplog.records if record.msg == "refused_in_azure"]
    assert reason in " ".join(told)


def test_load_tells_when_an_http_parameter_has_another_type(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load_app(an_app(tmp_path, "app = df.DFApp()\n@app.route('x')\ndef f(req: str): return 'x'\n"))

    (record,) = [record for record in caplog.records if record.msg == "refused_in_azure"]
    assert "str does not fit a httpTrigger" in vars(record)["fields"]["reason"]


@pytest.mark.parametrize("value", [{"a": 1}, [1, "b"], 5, None, "text", '{"json": "text"}', ""])
async def test_act_input_decode_and_output_encode(gallery: HostUnderTest, value: Any) -> None:
    assert (await gallery.run("echo", value))["output"] == value


async def test_load_durable_name(gallery: HostUnderTest) -> None:
    assert (await gallery.run("RunNode", 1))["output"] == "node 1"
    assert (await gallery.run("runnode", 1))["output"] == "node 1"
    assert "The function 'impl' doesn't exist" in (await gallery.run("impl", 1))["output"]


async def test_act_async_sync(gallery: HostUnderTest) -> None:
    threads = [(await gallery.run(name, "x"))["output"] for name in ("thread_name", "loop_name")]

    assert threads[0].startswith("function")
    assert threads[1] == "async-functions"


async def test_act_context_param(gallery: HostUnderTest) -> None:
    seen = (await gallery.run("with_context", "x"))["output"]

    assert seen["name"] == "with_context"
    assert len(seen["id"]) == 36
    assert seen["folder"] == str(GALLERY)


async def test_act_with_a_durable_client(gallery: HostUnderTest) -> None:
    seen = (await gallery.run("binding", "x"))["output"]

    assert seen["rpc"] == f"http://127.0.0.1:{gallery.host.port}/durabletask/"
    assert seen["hub"] == "GalleryHub"
    assert set(seen["urls"]) == {
        "id",
        "statusQueryGetUri",
        "sendEventPostUri",
        "terminatePostUri",
        "rewindPostUri",
        "purgeHistoryDeleteUri",
        "restartPostUri",
        "suspendPostUri",
        "resumePostUri",
    }
