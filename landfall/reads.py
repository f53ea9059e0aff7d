"""Every question that people ask, in one list: where the API, the console and the command line answer it.

A test compares the list with the routes of the application, the pages of the console and the verbs of the command, so
none of the three can show something that the others cannot. What only one or two of them answer says why.
"""

from dataclasses import dataclass
from enum import StrEnum


class Form(StrEnum):
    API = "api"
    CLI = "cli"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Read:
    """One question.

    Attributes:
        asks: What it asks.
        api: Paths that take GET.
        cli: Verbs, without ``landfall``.
        console: Pages; those of a form are the act's.
        why_not: Why a form does not answer it, for each that does not.
    """

    asks: str
    api: tuple[str, ...] = ()
    cli: tuple[str, ...] = ()
    console: tuple[str, ...] = ()
    why_not: str = ""

    def places(self, form: Form) -> tuple[str, ...]:
        """Return where a form answers it."""
        return {Form.API: self.api, Form.CLI: self.cli, Form.CONSOLE: self.console}[form]


_PRODUCT, _PRODUCT_PAGE = "/api/products/{domain}/{product}", "/console/products/{domain}/{product}"
_DATASET = "/api/datasets/{domain}/{product}/{dataset}"
_DATASET_PAGE = "/console/datasets/{domain}/{product}/{dataset}"
_RUN, _RUN_PAGE = "/api/runs/{run_id}", "/console/runs/{run_id}"

_FILES_ON_DISK = "It reads files of a project, which are where the command is run."
_THIS_MACHINE = "It is about the machine on which the command is run."

READS: tuple[Read, ...] = (
    Read("what needs somebody", ("/api/attention",), ("attention",), ("/console",)),
    Read("what there is by this name", ("/api/search",), ("find",), ("/console/search",)),
    Read("which products there are", ("/api/products",), ("products list",), ("/console/products",)),
    Read("how a product is", (_PRODUCT,), ("products show",), (_PRODUCT_PAGE,)),
    Read(
        "what the ports of a product promise",
        (f"{_PRODUCT}/contracts", f"{_PRODUCT}/contracts/{{dataset}}/{{number}}"),
        ("contract show",),
        (_PRODUCT_PAGE,),
    ),
    Read("what service levels say", ("/api/service-levels",), ("slo",), (_PRODUCT_PAGE,)),
    Read(
        "what is to be copied",
        (f"{_PRODUCT}/copy-plan",),
        ("copy",),
        why_not="The console does not copy: its reader is a factory, which starts the copies itself.",
    ),
    Read("which datasets there are", ("/api/datasets",), ("datasets list",), ("/console/datasets",)),
    Read("what is declared of a dataset", (_DATASET,), ("datasets show",), (_DATASET_PAGE,)),
    Read("what its rules found over time", (f"{_DATASET}/quality",), ("datasets quality",), (_DATASET_PAGE,)),
    Read("how it was built", (f"{_DATASET}/builds",), ("datasets builds",), (_DATASET_PAGE,)),
    Read("what is in its table", (f"{_DATASET}/preview",), ("preview",), (f"{_DATASET_PAGE}/rows",)),
    Read(
        "why something is as it is",
        (
            "/api/why/datasets/{domain}/{product}/{dataset}",
            "/api/why/runs/{run_id}",
            "/api/why/files/{file_id}",
        ),
        ("why",),
        (_DATASET_PAGE, _RUN_PAGE, "/console/files/{file_id}"),
    ),
    Read(
        "where data comes from and goes to",
        ("/api/lineage", "/api/lineage/files"),
        ("lineage",),
        ("/console/lineage",),
    ),
    Read("which runs there are", ("/api/runs",), ("runs list",), ("/console/runs",)),
    Read("how a run is", (_RUN, f"{_RUN}/nodes"), ("runs show", "runs watch"), (_RUN_PAGE,)),
    Read("how a node of it is", (f"{_RUN}/nodes/{{key}}",), ("runs node",), (_RUN_PAGE,)),
    Read(
        "what its job printed",
        (f"{_RUN}/nodes/{{key}}/logs",),
        ("runs logs",),
        (f"{_RUN_PAGE}/logs/{{key}}",),
    ),
    Read("what a run changed, and who", (f"{_RUN}/events",), ("runs events",), (_RUN_PAGE,)),
    Read(
        "which nodes of it wait for which", (f"{_RUN}/graph", f"{_RUN}/edges"), ("runs graph",), (_RUN_PAGE,)
    ),
    Read("when its nodes were at work", (f"{_RUN}/timeline",), ("runs timeline",), (_RUN_PAGE,)),
    Read("which files it took in", (f"{_RUN}/files",), ("files list",), (_RUN_PAGE,)),
    Read("what its rules found", (f"{_RUN}/quality",), ("runs show",), (_RUN_PAGE,)),
    Read(
        "which tables it read and wrote",
        (f"{_RUN}/lineage",),
        ("runs lineage",),
        (_RUN_PAGE,),
    ),
    Read("what was asked to run", ("/api/requests",), ("runs requests",), ("/console/requests",)),
    Read(
        "where a request stands",
        ("/api/requests/{request_id}",),
        ("runs requests",),
        ("/console/requests/{request_id}",),
    ),
    Read("which files landed", ("/api/files",), ("files list",), ("/console/files",)),
    Read("how a file is", ("/api/files/{file_id}",), ("files show",), ("/console/files/{file_id}",)),
    Read(
        "which rows were refused",
        ("/api/quarantine", "/api/quarantine/datasets"),
        ("quarantine list", "quarantine datasets"),
        ("/console/quarantine",),
    ),
    Read(
        "the refused rows of a dataset",
        (f"{_PRODUCT}/quarantine/{{dataset}}/rows",),
        ("quarantine show",),
        ("/console/quarantine/{domain}/{product}/{dataset}",),
    ),
    Read("which backfills there are", ("/api/backfills",), ("backfills list",), ("/console/backfills",)),
    Read(
        "how far a backfill is",
        ("/api/backfills/{backfill_id}",),
        ("backfills show",),
        ("/console/backfills/{backfill_id}",),
    ),
    Read(
        "which events nobody could handle",
        ("/api/dead-letters", "/api/dead-letters/{letter_id}"),
        ("dead-letters list", "dead-letters show"),
        ("/console/dead-events", "/console/dead-events/{letter_id}"),
    ),
    Read("which alarms there are", ("/api/alarms",), ("alarms",), ("/console", _PRODUCT_PAGE)),
    Read(
        "what settings say",
        ("/api/config", "/api/config/{name}/history"),
        ("config get", "config history"),
        ("/console/configuration", "/console/configuration/{name}"),
    ),
    Read("what was applied", ("/api/versions",), ("versions list",), ("/console/changes",)),
    Read(
        "what a version changed",
        (f"{_PRODUCT}/versions/{{number}}",),
        ("versions show",),
        ("/console/changes/{domain}/{product}/{number}",),
    ),
    Read("who did what", ("/api/audit",), ("audit",), ("/console/audit",)),
    Read(
        "whether everything works",
        ("/api/health",),
        ("doctor",),
        why_not="The console is a part of what may not work.",
    ),
    Read("what a product file would run", cli=("plan",), why_not=_FILES_ON_DISK),
    Read(
        "whether product files are sound", cli=("validate", "test", "contract check"), why_not=_FILES_ON_DISK
    ),
    Read("where the laptop's stack is", cli=("status",), why_not=_THIS_MACHINE),
    Read("how long each span of a run took", cli=("runs trace",), why_not=_THIS_MACHINE),
    Read(
        "which rules a table suggests",
        cli=("profile",),
        why_not="It looks at whole tables, which is not the app's work, and writes what goes into a product file.",
    ),
    Read(
        "what the company's catalogue is told",
        cli=("catalog export",),
        why_not="It writes files; contracts and lineage, which they are made of, have routes and pages.",
    ),
    Read("what a migration does", cli=("db sql",), why_not="It is what an app that answers stands on."),
)

# Verbs that neither ask nor act on what is shared.
OF_THE_MACHINE = frozenset({"init", "up", "down", "demo", "land", "import database", "db upgrade"})
