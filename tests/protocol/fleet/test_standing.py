import pytest

from websocket_v6.protocol.fleet.ids import EntryId
from websocket_v6.protocol.fleet.standing import Answer, Standing, answer_of, standing
from websocket_v6.protocol.fleet.title import Lead

MINE = Lead("log", 7, "me", 5)
TOP = EntryId(7, 3)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (b"7-3", Answer.DONE),
        (0, Answer.DONE),
        (b"OK", Answer.DONE),
        (None, Answer.GONE),
        (
            Exception("The ID specified in XADD is equal or smaller than the target stream top item"),
            Answer.REFUSED,
        ),
        (Exception("OOM command not allowed when used memory > 'maxmemory'."), Answer.FULL),
        (Exception("command not allowed when used memory > 'maxmemory'."), Answer.FULL),
        (Exception("READONLY You can't write against a read only replica."), Answer.LOST),
        (Exception("MOVED 3999 127.0.0.1:6381"), Answer.LOST),
        (Exception("CLUSTERDOWN The cluster is down"), Answer.LOST),
        (Exception("NOREPLICAS Not enough good replicas to write."), Answer.LOST),
    ],
)
def test_what_an_answer_is(reply: object, answer: Answer) -> None:
    assert answer_of(reply) is answer


@pytest.mark.parametrize(
    ("lead", "tops", "found"),
    [
        (MINE, [TOP, EntryId(7, 0)], Standing.LEADS),
        (MINE, [TOP, None], Standing.GONE),
        (MINE, [TOP, EntryId(6, 9)], Standing.GONE),  # the server has forgotten that it was opened
        (MINE, [TOP, EntryId(9, 1)], Standing.GONE),  # who was forgotten has written once more
        (MINE._replace(log="other"), [TOP], Standing.GONE),
        (None, [TOP], Standing.GONE),
        (MINE._replace(owner="other", term=9), [TOP], Standing.LOST),
        (MINE._replace(term=9), [TOP], Standing.LOST),
        (MINE._replace(owner=""), [TOP], Standing.LOST),
    ],
)
def test_how_a_leader_stands(lead: Lead | None, tops: list[EntryId | None], found: Standing) -> None:
    assert standing(lead, tops, "me", 7, "log") is found
