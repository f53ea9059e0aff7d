"""The list of questions, the routes of the API, the pages of the console and the verbs of the command are one."""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from landfall.acts import ACTS
from landfall.api.describing import describe
from landfall.console.address import ROOT
from landfall.console.router import PARTS
from landfall.reads import OF_THE_MACHINE, READS, Form, Read
from tests.integration.api.test_api_acts import APP, verbs

SOURCES = Path(__file__).parents[3] / "landfall"
# Whose functions answer questions: what one form imports of them, the API has to show as well.
ANSWERING = (
    "catalogue",
    "contracts",
    "landing",
    "lineage",
    "metadata",
    "planning",
    "preview",
    "quarantine",
    "runs",
)
# What a page or verb reads in another way than the API, which answers the same.
ANSWERED_OTHERWISE: Mapping[str, str] = {
    "contracts.compatibility:breaking_changes": "compares files of a project",
    "contracts.contract:consumers": "of files of a project; the API has those that are applied with the product",
    "contracts.odcs:unkept_promises": "compares files of a project",
    "catalogue.export:export_catalogue": "writes files",
    "landing.matching:match_dataset": "asks before it uploads",
    "landing.placing:landing_place": "says where an upload goes",
    "landing.placing:table_places": "says where an upload goes",
    "landing.queries:get_file": "names a file by the end of its address",
    "metadata.acts:acts_on_product": "/api/audit?subject=",
    "metadata.apply:apply_products": "an act on files of a project",
    "metadata.apply:compare": "compares files of a project",
    "metadata.catalog:list_product_keys": "the choices of a form: /api/products",
    "metadata.catalog:list_products": "names that a shell completes: /api/products",
    "metadata.effective:value_before": "the one before in /api/config/{name}/history",
    "metadata.migrations:current_revision": "the database itself",
    "metadata.migrations:sql_script": "the database itself",
    "metadata.migrations:upgrade": "the database itself",
    "planning.draw:to_mermaid": "draws files of a project",
    "planning.draw:to_text": "draws files of a project",
    "planning.explain:reasons": "explains files of a project",
    "planning.select:make_plan": "plans files of a project",
    "runs.evidence:find_evidence": "finds out what a name means, then asks as /api/why does",
    "runs.file_history:histories": "of several files of a name at once: /api/files/{file_id} has that of each",
    "runs.product_evidence:waiting_requests": "/api/requests?state=pending",
    "runs.queries:get_run": "/api/runs/{run_id} and its nodes and rules in one",
    "runs.queries:resolve_run_id": "ids that were typed in part: /api/runs?begins=",
    "runs.queries:run_events": "a live view of /api/runs/{run_id}/events",
    "runs.run_graph:band_of": "where in the drawing a node is; /api/runs/{run_id}/graph has the bands",
    "runs.run_graph:edges_of": "edges of what is drawn: /api/runs/{run_id}/edges",
    "runs.run_graph:graph_nodes": "nodes of what is drawn: /api/runs/{run_id}/nodes",
    "runs.run_graph:last_event": "the ETag of the page",
    "runs.run_list:count_runs": "an act's dry run",
    "runs.timing:critical_path": "of the example's own run: /api/runs/{run_id}/timeline",
}


def asked(form: Form) -> list[str]:
    return [place for read in READS for place in read.places(form)]


def pages() -> Iterator[str]:
    """Return the pages of the console that are no form of an act."""
    forms = {path for act in ACTS for path in act.console}
    yield ROOT
    for part in PARTS:
        for route in part.router.routes:
            path = ROOT + route.path
            if "GET" in route.methods and "{act}" not in path and path not in forms:
                yield path


def test_every_read_of_the_api_answers_one_question_and_every_answer_is_there() -> None:
    gets = {path for path, methods in describe(APP)["paths"].items() if "get" in methods}

    assert set(asked(Form.API)) == gets
    assert [path for path, times in Counter(asked(Form.API)).items() if times > 1] == []


def test_every_page_of_the_console_is_in_the_list_and_every_one_of_the_list_in_the_console() -> None:
    assert set(asked(Form.CONSOLE)) == set(pages())


def test_every_verb_asks_or_acts_and_every_verb_of_the_list_is_there() -> None:
    acts = {act.cli for act in ACTS}

    assert set(asked(Form.CLI)) | acts | OF_THE_MACHINE == set(verbs())
    # What copies asks what is to be copied.
    assert (acts & set(asked(Form.CLI))) <= {"copy"}


@pytest.mark.parametrize("read", READS, ids=lambda read: read.asks.replace(" ", "-"))
def test_a_question_is_answered_by_all_three_or_it_is_said_why_not(read: Read) -> None:
    lacking = [form for form in Form if not read.places(form)]

    assert bool(lacking) == bool(read.why_not)
    assert len(lacking) < len(Form)


def test_whatever_a_page_or_a_verb_reads_the_api_can_tell() -> None:
    told = _reading("api")
    read = _reading("console") | _reading("cli")

    lacking = read - told - set(ANSWERED_OTHERWISE)

    assert sorted(lacking) == []
    # An exception that nobody needs any more hides the next one.
    assert sorted(set(ANSWERED_OTHERWISE) - (read - told)) == []


def _reading(form: str) -> set[str]:
    """Return the functions that the modules of a form import of those that answer questions."""
    found = set()
    for path in (SOURCES / form).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                package, _, module = node.module.removeprefix("landfall.").partition(".")
                if node.module.startswith("landfall.") and package in ANSWERING:
                    name = f"{package}.{module}" if module else package
                    found |= {f"{name}:{item.name}" for item in node.names if item.name[0].islower()}
    return found
