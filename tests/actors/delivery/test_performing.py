"""A run that a component performs: what comes of each step, and that it is said to be over."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.actors.ear import Ear
from websocket_v6.actors.delivery.deliveries import Taker
from websocket_v6.actors.delivery.edge import Calls, Edge
from websocket_v6.actors.delivery.performing import TURN, Bind, Bound, Clock, Played, Run, RunOver, perform
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.exchange.wants import trade_want

STREAM = "trade KRW-BTC"


def trades(count: int) -> list[Event]:
    return [make_event(STREAM, b'{"ty":"trade","tp":%d}' % n, 1, n) for n in range(count)]


class Given(Run):
    """Plays what a test gives it."""

    def __init__(self, *arguments: Any, play: Callable[[Bind], Iterator[Played]]) -> None:
        super().__init__(*arguments)
        self._play = play

    def plays(self, bind: Bind) -> Iterator[Played]:
        return self._play(bind)


class World:
    """One component with a callback."""

    def __init__(self, callback: Any = None) -> None:
        self.got: list[Any] = []
        self.raised: list[BaseException] = []
        self.clock = Clock()
        self.mailbox = MailboxQueue(Mailbox.drop_oldest(9))
        self.calls = Calls(callback or self.got.append)
        edge = Edge(1, trade_want("KRW-BTC"), self.mailbox, calls=lambda: self.calls, is_pushed=True)
        self.attached = {1: edge}
        self.taker = Taker(1, "public", self.mailbox, None)

    def perform(self, *steps: Any, play: Callable[[Bind], Iterator[Played]] | None = None) -> list[Any]:
        """Return what is yielded."""
        ear = Ear()
        run = Run(self.clock, ear.ref, steps) if play is None else Given(self.clock, ear.ref, play=play)
        yielded = list(perform(run, self.attached, self.on_raised, lambda: "a pause", ()))
        assert ear.heard() == [RunOver(run)]
        return yielded

    def on_raised(self, _: Edge, error: BaseException) -> Any:
        self.raised.append(error)
        yield from ()


def test_steps_are_events_that_the_mailbox_has_counted() -> None:
    world = World()
    made = trades(3)
    seen: list[int] = []

    def callback(event: Any) -> None:
        world.got.append(event)
        seen.append(world.clock.mono_ns)

    world.calls.callback = callback
    world.perform((7, made[0], world.taker), (None, made[1], world.taker), (9, made[2], world.taker))
    assert world.got == made
    assert seen == [7, 7, 9]
    assert world.mailbox.stats.delivered == 0


def test_what_a_callback_raises_goes_to_its_handler_and_ends_nothing() -> None:
    def raises(event: Any) -> None:
        world.got.append(event)
        if event.trade_price == 2:
            raise SystemExit("mine")

    world = World(raises)
    world.perform(*((None, one, world.taker) for one in trades(5)))
    assert len(world.got) == 5
    assert [str(one) for one in world.raised] == ["mine"]


def test_nothing_comes_of_a_subscription_that_is_closed_or_gone() -> None:
    world = World()

    def callback(event: Any) -> None:
        world.got.append(event)
        world.mailbox.close()

    world.calls.callback = callback
    world.perform(*((n, one, world.taker) for n, one in enumerate(trades(5))))
    assert (len(world.got), world.clock.mono_ns) == (1, 4)
    nobody = World()
    nobody.attached.clear()
    nobody.perform((None, trades(1)[0], nobody.taker))
    assert not nobody.got


def test_others_have_their_turn_now_and_then() -> None:
    world = World()
    assert world.perform(*((None, one, world.taker) for one in trades(2 * TURN + 1))) == ["a pause"] * 2


def test_what_came_of_a_call_that_was_made_is_seen_to_and_a_malformed_message_is_not_shown() -> None:
    class Later:
        def __await__(self) -> Any:
            yield

    later, error = Later(), SystemExit("mine")

    def play(bind: Bind) -> Iterator[Played]:
        bound = bind(world.taker)
        assert bind(world.taker) is bound
        (event,) = trades(1)
        yield event, bound, later, None
        yield event, bound, "nothing to wait for", None
        yield event, bound, None, error
        yield make_event(STREAM, b"{", 1, 1), bound, None, None
        yield event, bound, None, None

    world = World()
    noted: list[Any] = []
    world.attached[1].note = noted.append
    assert world.perform(play=play) == [later]
    assert world.raised == [error]
    assert len(world.got) == len(noted) == 1


def test_which_events_are_shown_as_they_are() -> None:
    world = World()
    assert Bound(world.attached, world.taker).ready is None
    floats = Edge(1, trade_want("KRW-BTC"), MailboxQueue(Mailbox.latest(), numbers=float), is_pushed=True)
    assert Bound({1: floats}, world.taker).ready is floats.ready is not None
    floats.ready = None
    assert Bound({1: floats}, world.taker).ready is False
