"""Files of a real SFTP server, and of a mounted share, into landing."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh
import pytest

from landfall.copying.execute import Copied, copy_from
from landfall.copying.files import FilesRefused
from landfall.copying.plan import make_copy_plan
from landfall.copying.reaching import reach
from landfall.copying.source import SourceNotUsable, SourceUnreachable
from landfall.spec.copying import AfterCopy, Copy
from landfall.spec.model import FileFormat, Source, SourceType
from tests.builders import a_landed_dataset, a_product
from tests.integration.copying.conftest import Landed
from tests.integration.copying.test_copying_databases import NOW

PASSWORD = "hunter2"


@dataclass
class Partner:
    """A server that shows ``folder`` to ada with her password."""

    url: str
    host_key: str
    folder: Path


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[Partner]:
    folder = tmp_path / "partner"
    (folder / "out").mkdir(parents=True)
    key = asyncssh.generate_private_key("ssh-ed25519")

    class Server(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("ada", PASSWORD)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def serve() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Server,
            server_host_keys=[key],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(folder).encode()),
        )

    server = asyncio.run_coroutine_threadsafe(serve(), loop).result()
    try:
        fingerprint = key.get_fingerprint("md5").removeprefix("MD5:")
        yield Partner(f"sftp://ada@127.0.0.1:{server.get_port()}", f"ssh-ed25519 255 {fingerprint}", folder)
    finally:

        async def close() -> None:
            server.close()
            await server.wait_closed()

        asyncio.run_coroutine_threadsafe(close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def copy(
    source: Source, connection: str, landed: Landed, wanted: Copy, password: str = PASSWORD
) -> tuple[Copied, ...]:
    dataset = replace(a_landed_dataset(landing="orders_landed/**/*"), source=source.name, copy=wanted)
    product = replace(a_product(landed=[dataset]), sources=(source,))
    (item,) = make_copy_plan(product, {}, key="run-1", now=NOW).items
    reached = reach(
        source,
        connection=lambda _: connection,
        needed_connection=lambda _: connection,
        needed_secret=lambda _: password,
    )
    return copy_from(product, item, reached, landed.upload, progress=lambda *_: None)


def an_sftp_source(host_key: str) -> Source:
    return Source(
        "partner",
        SourceType.SFTP,
        FileFormat.CSV,
        connection="sftp://ada@files.example.com",
        secret="keyvault:partner",
        host_key=host_key,
    )


SHARE = Source(
    "share", SourceType.SHARE, FileFormat.CSV, connection="smb://ada@files/out", secret="keyvault:s"
)


def fill(folder: Path) -> None:
    for name, content in {"a.csv": "1", "b 2.csv": "22", "c.txt": "3"}.items():
        (folder / "out" / name).write_text(content)
    (folder / "out" / "d.csv").mkdir()


@pytest.mark.parametrize("kind", ["sftp", "share"])
@pytest.mark.parametrize("after", list(AfterCopy))
def test_files_that_match_are_copied_as_they_are_called(
    partner: Partner, landed: Landed, kind: str, after: AfterCopy
) -> None:
    fill(partner.folder)
    source, url = (
        (an_sftp_source(partner.host_key), partner.url)
        if kind == "sftp"
        else (SHARE, partner.folder.as_uri())
    )

    copied = copy(source, url, landed, Copy(path="out/*.csv", after=after))

    assert {path: file.read_text() for path, file in landed.files.items()} == {
        "sales/orders/orders_landed/run-1/a.csv": "1",
        "sales/orders/orders_landed/run-1/b 2.csv": "22",
    }
    assert [one.size_bytes for one in copied] == [1, 2]
    left = sorted(path.name for path in (partner.folder / "out").iterdir())
    assert left == (
        ["c.txt", "d.csv"] if after is AfterCopy.DELETE else ["a.csv", "b 2.csv", "c.txt", "d.csv"]
    )


@pytest.mark.parametrize("path", ["out/*.xml", "in/*.csv"])
def test_nothing_that_matches_is_no_fault(partner: Partner, landed: Landed, path: str) -> None:
    sources = ((an_sftp_source(partner.host_key), partner.url), (SHARE, partner.folder.as_uri()))
    for source, url in sources:
        (copied,) = copy(source, url, landed, Copy(path=path))

        assert (copied.path, landed.files) == (None, {})


def test_a_server_with_another_key_or_for_another_password_is_not_asked(
    partner: Partner, landed: Landed
) -> None:
    other = partner.host_key[:-2] + ("00" if not partner.host_key.endswith("00") else "11")

    with pytest.raises(SourceUnreachable, match=r"(?i)host key"):
        copy(an_sftp_source(other), partner.url, landed, Copy(path="out/*.csv"))
    with pytest.raises(SourceUnreachable, match=r"(?i)permission denied"):
        copy(
            an_sftp_source(partner.host_key), partner.url, landed, Copy(path="out/*.csv"), password="hunter3"
        )


def test_what_was_not_uploaded_is_not_deleted(partner: Partner, landed: Landed) -> None:
    fill(partner.folder)

    def refuse(path: str, file: Path) -> str:
        raise FilesRefused("lake", "full", path)

    landed.upload = refuse  # type: ignore[method-assign]
    with pytest.raises(FilesRefused):
        copy(
            an_sftp_source(partner.host_key),
            partner.url,
            landed,
            Copy(path="out/*.csv", after=AfterCopy.DELETE),
        )

    assert (partner.folder / "out/a.csv").exists()


def test_a_share_that_is_not_mounted_is_told(tmp_path: Path, landed: Landed) -> None:
    with pytest.raises(SourceUnreachable, match="no such folder"):
        copy(SHARE, (tmp_path / "nothing").as_uri(), landed, Copy(path="*.csv"))
    with pytest.raises(SourceNotUsable, match="mounted first"):
        copy(SHARE, "smb://files/out", landed, Copy(path="*.csv"))
