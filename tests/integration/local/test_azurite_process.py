"""The emulator as the stack starts it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from landfall.local import azurite
from landfall.local.azurite import AzuriteNotInstalled
from tests.loopback import PATIENCE_S, free_port, wait_for_port, wait_until

pytestmark = pytest.mark.stack


@contextmanager
def running(port: int, data: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(azurite.command(data, port=port, data=data), stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE_S)


def test_a_confirmed_blob_survives_a_kill_soon_after(tmp_path: Path) -> None:
    port = free_port()
    # What finds a blob, and what finds its content: saved one after the other.
    blobs, contents = tmp_path / "__azurite_db_blob__.json", tmp_path / "__azurite_db_blob_extent__.json"
    service = BlobServiceClient(
        f"http://127.0.0.1:{port}/{azurite.ACCOUNT}", credential=azurite.ACCOUNT_KEY, retry_total=0
    )
    with running(port, tmp_path):
        service.create_container("landing")
        service.get_blob_client("landing", "kept.csv").upload_blob(b"kept")
        wait_until(
            lambda: (
                blobs.is_file() and "kept.csv" in blobs.read_text() and '"data":[{' in contents.read_text()
            ),
            timeout_s=2,
        )

    with running(port, tmp_path):
        assert service.get_blob_client("landing", "kept.csv").download_blob().readall() == b"kept"
    service.close()


def test_it_finds_what_is_there_whatever_blobs_are_called(tmp_path: Path) -> None:
    port = free_port()
    # Names that are numbers, or nearly so, and such that an expression would read otherwise.
    names = {
        f"{a}{b}{c}"
        for a in ("1", "10", "9", "1a", "a")
        for b in ("/", ".", "/x(1)+")
        for c in ("", "2", "10")
    }
    service = BlobServiceClient(
        f"http://127.0.0.1:{port}/{azurite.ACCOUNT}", credential=azurite.ACCOUNT_KEY, retry_total=0
    )
    with running(port, tmp_path), service:
        kept = {}
        for container in ("landing", "control"):
            client = service.create_container(container)
            order = sorted(names, key=lambda name: name[::-1])
            for name in (*order, *order[:10]):
                client.upload_blob(name, f"{container} {name}", overwrite=True)
            for name in order[5:15]:
                client.delete_blob(name)
            kept[container] = names.difference(order[5:15])

        for container, there in kept.items():
            client = service.get_container_client(container)
            for name in there:
                assert client.download_blob(name, encoding="utf-8").readall() == f"{container} {name}"
            for prefix in ("", "1", "10", "10/", "1a/x(1)+", "9.", "b"):
                found = [blob.name for blob in client.list_blobs(name_starts_with=prefix)]
                assert found == sorted(name for name in there if name.startswith(prefix))
            folders = {blob.name for blob in client.walk_blobs() if blob.name.endswith("/")}
            assert folders == {f"{name.partition('/')[0]}/" for name in there if "/" in name}


def test_it_looks_at_one_blob_to_find_one(tmp_path: Path) -> None:
    node, installed = azurite.find_node(), azurite.find_installation(tmp_path)
    assert node is not None
    assert installed is not None
    (tmp_path / "node_modules").symlink_to(installed / "node_modules")
    script = tmp_path / "looking.cjs"
    script.write_text(_LOOKING)
    lookups = Path(azurite.__file__).with_name("lookups.cjs")

    said = subprocess.check_output([node.program, "--require", str(lookups), str(script)], text=True)

    assert json.loads(said) == {"one": [1, 1], "prefix": [11, 11], "none": [0, 0]}


# What Azurite asks for, in its order; how many blobs are left after the first condition and after all.
_LOOKING = r"""
const Loki = require("lokijs");
const blobs = new Loki("x").addCollection("b", { indices: ["accountName", "containerName", "name"] });
for (let number = 0; number < 100; number++) {
  blobs.insert({ name: `a/${number}`, accountName: "account", containerName: "c", snapshot: "" });
}
const found = (name) => {
  const left = [];
  const { find } = Loki.Resultset.prototype;
  Loki.Resultset.prototype.find = function (query, first) {
    const answer = find.call(this, query, first);
    left.push(this.filteredrows.length);
    return answer;
  };
  const all = blobs.chain().find({ ...name, accountName: "account", containerName: "c" }).data();
  Loki.Resultset.prototype.find = find;
  return [left[0], all.length];
};
console.log(JSON.stringify({
  one: found({ name: "a/7" }),
  prefix: found({ name: { $regex: "^a\\/1" } }),
  none: found({ name: "b" }),
}));
"""


def test_it_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    port = free_port()
    with running(port, tmp_path) as process:
        process.terminate()

        assert process.wait(5) is not None


def test_a_machine_without_it_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azurite, "find_installation", lambda _root: None)

    with pytest.raises(AzuriteNotInstalled, match="make setup"):
        azurite.command(tmp_path, port=1, data=tmp_path)
