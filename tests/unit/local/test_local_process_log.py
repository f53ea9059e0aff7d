"""A service's log keeps everything recent and never outgrows its limit."""

from pathlib import Path

from landfall.local.process_log import ProcessLog


def test_a_full_log_is_moved_aside(tmp_path: Path) -> None:
    log = ProcessLog(tmp_path / "a.log", max_bytes=10, kept=2)
    for chunk in (b"first\n", b"second\n", b"third\n", b"fourth\n"):
        log.write(chunk)
    log.close()

    assert (tmp_path / "a.log").read_bytes() == b"fourth\n"
    assert (tmp_path / "a.log.1").read_bytes() == b"third\n"
    assert (tmp_path / "a.log.2").read_bytes() == b"second\n"
    assert not (tmp_path / "a.log.3").exists()


def test_a_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    for chunk in (b"one\n", b"two\n"):
        log = ProcessLog(tmp_path / "logs" / "a.log")
        log.write(chunk)
        log.close()

    assert (tmp_path / "logs" / "a.log").read_bytes() == b"one\ntwo\n"


def test_a_chunk_over_the_limit_is_kept_whole(tmp_path: Path) -> None:
    log = ProcessLog(tmp_path / "a.log", max_bytes=4)
    log.write(b"much too long")
    log.close()

    assert (tmp_path / "a.log").read_bytes() == b"much too long"


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    log = ProcessLog(tmp_path / "a.log")
    log.write(b"\n".join(b"line %d" % number for number in range(5000)))

    assert log.tail(2) == "line 4998\nline 4999"
    log.close()
