"""What a new leader asks, without a server: calls are kept, replies are given."""

from typing import Any

import pytest

from websocket_v6.actors.fleet.access import LogAccess
from websocket_v6.actors.fleet.recall import ENTRIES, PATIENCE, Recall, Recalled
from websocket_v6.actors.fleet.title_holder import Title
from websocket_v6.protocol.delivery.hold import Had
from websocket_v6.protocol.dialing.servers import Servers
from websocket_v6.protocol.fleet.entries import Fetching, Open, State, encode_happening, encode_rows

from .conftest import KEYS

NOWHERE = LogAccess(Servers("single", (("127.0.0.1", 1),), "nowhere"), KEYS)
TRADE = "trade KRW-BTC"
SECOND = 10**9
TITLE = Title(8, "log")


class Asked:
    """What is asked, and the entries of a log before term 8."""

    def __init__(self, *endpoints: str) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        call = lambda tag, command: self.calls.append((tag, command))  # noqa: E731
        self.recall = Recall(NOWHERE, endpoints or ("public",), "me", call)

    def begin(self, after: bytes = b"7-3") -> bool:
        return self.recall.begin(TITLE, [[1, after]])

    def reply(self, tag: str, reply: object) -> Recalled | None:
        return self.recall.called(tag, [reply])


def row(id_: bytes, at_s: int, number: int = 1) -> tuple[bytes, list[bytes]]:
    payload = b'{"ty":"trade","sid":%d,"tms":%d}' % (number, 1000 * at_s - 100)
    return id_, [b"d", encode_rows(at_s * SECOND, 0, 0, [TRADE], [payload])]


def test_the_end_of_the_log_and_what_is_wanted() -> None:
    one = Asked("public")
    assert one.begin()
    machines, log = one.calls
    assert machines == ("recall machines", ("HGETALL", KEYS.machines))
    assert log == ("recall log", ("XREVRANGE", KEYS.log("public"), "(8-0", "-", "COUNT", ENTRIES))
    assert one.reply("recall machines", [b"me", b"..", b"you", b"..", b"she", b".."]) is None
    assert one.calls[-1] == ("recall wants", ("MGET", KEYS.want("you"), KEYS.want("she")))
    assert one.reply("recall log", [row(b"7-3", 20, 5), row(b"7-2", 19, 4)]) is None
    assert one.calls[-1][1][2] == "(7-2", "and so on"
    assert one.reply("recall wants", [b"wants", None]) is None
    recalled = one.reply("recall log", [row(b"7-1", 10, 3)])
    assert recalled is not None
    assert recalled.ending.had(TRADE) == Had((3, 4, 5), 9_900_000_000)
    assert (recalled.machines, recalled.wants) == (("you", "she"), [b"wants", None])
    assert one.reply("recall log", [row(b"7-1", 10, 3)]) is None, "it is over"


def test_who_is_alone_waits_for_nobody_s_wants() -> None:
    one = Asked()
    one.begin()
    one.reply("recall machines", [b"me", b".."])
    recalled = one.reply("recall log", [(b"7-3", [b"s", encode_happening(Open("log", "you", 5, after="0-0"))])])
    assert recalled is not None
    assert recalled.ending.had(TRADE) == Had((), 5)


@pytest.mark.parametrize("opened", [[1, b"0-0"], ValueError("no memory"), None])
def test_where_there_is_nothing_before_nothing_is_asked(opened: Any) -> None:
    one = Asked()
    assert not one.recall.begin(None if opened is None else TITLE, [opened])
    assert one.calls == []
    assert not one.recall.over()


def test_the_logs_of_an_account_have_no_trades_to_fetch() -> None:
    one = Asked("private", "info")
    assert not one.recall.begin(TITLE, [[1, b"7-3"], [1, b"7-3"]])
    assert not Asked("info", "public").recall.begin(TITLE, [[1, b"7-3"], [1, b"0-0"]])


@pytest.mark.parametrize(
    "reply",
    [
        [],
        ValueError("refused"),
        [(b"7-3", [b"d", b"nonsense"])],
        [(b"7-3", [b"s", b"nonsense"])],
        [(b"7-3", [b"s", encode_happening(State("lost", 1, 5, 5))])],
        [row(b"7-2", 5)],
    ],
)
def test_a_log_that_cannot_be_read_is_done_without(reply: Any) -> None:
    one = Asked()
    one.begin()
    one.reply("recall machines", [])
    recalled = one.reply("recall log", reply)
    assert recalled is not None
    assert recalled.ending.had(TRADE) is None


def test_entries_of_other_versions_are_passed_over() -> None:
    one = Asked()
    one.begin(b"7-5")
    one.reply("recall machines", [])
    said = encode_happening(Fetching([], 19 * SECOND))
    entries = [row(b"7-5", 20), (b"7-4", []), (b"7-3", [b"new", b"?"]), (b"7-2", [b"s", said]), row(b"7-1", 9)]
    recalled = one.reply("recall log", entries)
    assert recalled is not None
    assert recalled.ending.is_known


def test_it_takes_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Asked()
    one.begin()
    one.reply("recall machines", [])
    monkeypatch.setattr("time.monotonic", lambda now=one.recall._until: now + PATIENCE)
    recalled = one.reply("recall log", [row(b"7-3", 20)])
    assert recalled is not None
    assert not recalled.ending.is_known


def test_it_may_be_given_up() -> None:
    one = Asked()
    one.begin()
    assert one.recall.over()
    assert one.reply("recall log", [row(b"7-3", 20), row(b"7-2", 5)]) is None
    assert one.reply("look", []) is None
