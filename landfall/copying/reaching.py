"""How this machine reaches the sources of a product: by what the product file says, and by variables of its own."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from landfall.copying.api import SourceApi
from landfall.copying.execute import Source
from landfall.copying.files import MountedFolder, SftpServer, SourceFiles
from landfall.copying.source import SourceDatabase, SourceNotUsable
from landfall.spec.model import Source as Declared
from landfall.spec.model import SourceType

Look = Callable[[str], str | None]
"""Returns what this machine says of a source by its name, ``None`` if it says nothing."""

Need = Callable[[str], str]
"""Returns it too, or raises what tells the variable that is not set."""


def reach(declared: Declared, *, connection: Look, needed_connection: Need, needed_secret: Need) -> Source:
    """Return a source of a product as this machine reaches it; nothing is sent to it yet.

    Raises:
        SourceNotUsable: Nothing of the kind can be connected to from here.
    """
    match declared.type:
        case SourceType.DATABASE:
            return SourceDatabase.connect(declared.name, needed_connection(declared.name))
        case SourceType.API:
            address = connection(declared.name) or declared.connection or ""
            signs_in = declared.secret is not None or declared.audience is not None
            return SourceApi(declared.name, address, needed_secret(declared.name) if signs_in else None)
        case SourceType.SFTP:
            url = connection(declared.name) or declared.connection or ""
            password = needed_secret(declared.name)
            known_by = declared.host_key or ""
            return SourceFiles(declared.name, lambda: SftpServer(declared.name, url, password, known_by))
        case _:
            url = needed_connection(declared.name)
            if urlsplit(url).scheme != "file":
                raise SourceNotUsable(declared.name, "a share is mounted first and named as file:///FOLDER")
            folder = MountedFolder(declared.name, Path(unquote(urlsplit(url).path)))
            return SourceFiles(declared.name, lambda: folder)
