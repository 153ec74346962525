"""News for clients: behind the data, and an answer behind what of it is held."""

from websocket_v6.actors.delivery.late_news import LateNews
from websocket_v6.actors.messages.router import Convey
from websocket_v6.actors.ways import Way


class Heard(list[object]):
    """A delivery and a client's mouth: notes what happens, in order."""

    def flush(self) -> None:
        self.append("flush")

    def send(self) -> None:
        self.append("send")

    def convey(self, way: Way, news: object) -> None:
        self.append((way.client, news))


def test_an_answer_waits_as_long_as_anything_is_held_and_news_do_not() -> None:
    heard, held = Heard(), {1}
    ways = {number: Way(number, heard) for number in (1, 2)}  # type: ignore[arg-type]
    news = LateNews(heard, lambda way: way.client in held, lambda way: way.client in held - {1})  # type: ignore[arg-type]
    for number, text, is_answer in ((1, "a1", True), (1, "n1", False), (2, "a2", True)):
        news.tell(Convey(ways[number], text, is_answer))
    assert heard == ["send", (1, "n1"), "send", (2, "a2")]
    news.convey()
    assert heard[4:] == ["flush"]
    held.clear()
    news.convey()
    assert heard[5:] == ["flush", "send", (1, "a1")]
    news.convey()
    assert heard[8:] == ["flush"]


def test_answers_keep_their_order() -> None:
    heard, held = Heard(), {1}
    way = Way(1, heard)  # type: ignore[arg-type]
    news = LateNews(heard, lambda way: way.client in held)  # type: ignore[arg-type]
    for number in range(3):
        news.tell(Convey(way, number, is_answer=True))
    held.clear()
    news.convey()
    assert [one for one in heard if isinstance(one, tuple)] == [(1, 0), (1, 1), (1, 2)]
