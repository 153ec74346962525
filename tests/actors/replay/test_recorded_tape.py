"""Files of a recording: their order, what is in them, where one begins to read."""

import logging
from pathlib import Path

import pytest

from tests.replays import SECOND, START, header, listed, market, opened, rows, trade, write
from websocket_v6.actors.replay.recorded_tape import Tape
from websocket_v6.protocol.errors import RecordingError
from websocket_v6.protocol.recording.messages import count_of, records_of
from websocket_v6.protocol.recording.records import Record, Rows
from websocket_v6.protocol.replaying import Replay


def read(path: Path, **options: int) -> list[Record]:
    tape = Tape(Replay(path, "max", "ready", options.get("from_ns"), options.get("to_ns")))
    return [one for pieces in tape.read() for one in records_of(pieces)]


def test_a_file_is_read_whole_with_and_without_an_index(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole, cut = write(tmp_path / "a.wsr", market()), write(tmp_path / "b.wsr", market(), ends=False)
    with caplog.at_level(logging.WARNING):
        assert read(whole)
        assert not caplog.messages
        assert read(whole) == read(cut)
        assert "without an index" in caplog.text
    assert Tape(Replay(whole)).contents.messages == Tape(Replay(cut)).contents.messages


def test_files_of_a_folder_are_in_the_order_of_their_ids(tmp_path: Path) -> None:
    names = {"c": ("one", "", 1), "b": ("two", "one", 2), "a": ("three", "two", 3)}
    for name, (number, previous, at) in names.items():
        write(tmp_path / f"{name}.wsr", [rows(at, trade("KRW-BTC", at, at))], header(number, previous, at))
    write(tmp_path / "other.wsr", [rows(9, trade("KRW-BTC", 9, 9))], header("nine", "eight", 9))
    (tmp_path / "notes.txt").write_text("not a recording")
    prices = [one.value.payloads[0][-2:-1] for one in read(tmp_path) if isinstance(one.value, Rows)]
    assert prices == [b"1", b"2", b"3", b"9"]


def test_a_folder_without_a_recording_says_so(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="there is no recording"):
        read(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"what", b"WSV6REC\x01", b"WSV6REC\x09" + b"x" * 99, b"WSV6REC\x01" + b"x" * 99]
)
def test_what_is_no_recording_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wsr").write_bytes(content)
    with pytest.raises(RecordingError, match=r"a\.wsr: "):
        read(tmp_path / "a.wsr")


def test_a_moment_in_the_second_file_needs_nothing_of_the_first(tmp_path: Path) -> None:
    write(tmp_path / "a.wsr", [opened(), rows(1, trade("KRW-BTC", 1, 1))], header("one", "", 0))
    write(tmp_path / "b.wsr", [rows(6, trade("KRW-BTC", 6, 6))], header("two", "one", 5))
    (tmp_path / "a.wsr").write_bytes((tmp_path / "a.wsr").read_bytes()[:-5])  # read once for what is in it
    assert len(read(tmp_path, from_ns=START + 5 * SECOND)) == 1


def test_it_knows_the_lists_of_markets_that_it_begins_with(tmp_path: Path) -> None:
    values = [*market(40)[:2], listed(0.5, "A"), *market(40)[2:], listed(3, "A", "B")]
    path = write(tmp_path / "a.wsr", values)
    whole = Tape(Replay(path))
    assert whole.contents.quotes == {"KRW"}
    assert [one.code for one in whole.lists["KRW"].markets] == ["A"]
    assert Tape(Replay(write(tmp_path / "b.wsr", market(5)))).lists == {}
    late = [*market(3), listed(90, "A")]
    assert Tape(Replay(write(tmp_path / "c.wsr", late))).lists == {}  # it is played when it came
    assert sum(count_of(one) for pieces in whole.read() for one in pieces) == len(values) - 1  # but for the key state
