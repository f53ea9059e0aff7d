"""Which HTTP status tells an error, in one place: the API answers with it, and the console's pages too."""

from typing import Final

from landfall.api.errors import HttpRefusal
from landfall.copying.plan import NoCopyKey, NothingIsCopied
from landfall.errors import ErrorKind, LandfallError
from landfall.known_settings import SettingOfInstallation, SettingRefused, UnknownSettingName
from landfall.landing.dead_letters import UnknownDeadLetter
from landfall.landing.queries import UnknownFile
from landfall.landing.replay import NothingChosen
from landfall.metadata.catalog import DatasetNotApplied, UnknownProduct, UnknownVersion
from landfall.metadata.configuration import UnknownSetting
from landfall.metadata.effective import NothingBefore, SettingInThePast
from landfall.metadata.lineage import UnknownColumn
from landfall.metadata.paging import NotACursor
from landfall.runs.backfill_acts import UnknownBackfill
from landfall.runs.closing import UnknownRun
from landfall.runs.evidence import UnknownSubject
from landfall.runs.files_behind import UnknownTableVersion
from landfall.runs.quarantining import BuiltAsAWhole, NothingIsRefused, ReasonNeeded
from landfall.runs.requests import UnknownDataset, UnknownRequest
from landfall.runs.rerunning import UnknownNode
from landfall.runs.run_nodes import NodeNotInRun

# What the address names is not there, or may not be seen.
_NOT_FOUND: Final = (
    *(UnknownProduct, UnknownVersion, DatasetNotApplied, UnknownColumn, UnknownSettingName, NothingIsCopied),
    *(UnknownRun, UnknownRequest, UnknownBackfill, NodeNotInRun, UnknownSubject),
    *(UnknownFile, UnknownDeadLetter, UnknownTableVersion),
)
# The request says something that can never be done; said otherwise it can.
_BAD_REQUEST: Final = (
    *(NotACursor, NoCopyKey, NothingChosen, UnknownDataset, UnknownNode),
    *(NothingIsRefused, BuiltAsAWhole, ReasonNeeded),
    *(UnknownSetting, SettingInThePast, NothingBefore, SettingRefused, SettingOfInstallation),
)
_OF_KIND: Final = {
    ErrorKind.REFUSED: 409,
    ErrorKind.UNREACHABLE: 503,
    ErrorKind.QUALITY_GATE: 409,
    ErrorKind.TIMED_OUT: 504,
}


def status_of(error: LandfallError) -> int:
    """Return the status that an error is answered with: what nobody can do anything about but later is 409 or 50x."""
    if isinstance(error, HttpRefusal):
        return error.status
    if isinstance(error, _NOT_FOUND):
        return 404
    return 400 if isinstance(error, _BAD_REQUEST) else _OF_KIND[error.kind]
