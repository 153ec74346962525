"""The hand-over between the router and the server's thread: by every order of their steps, and by two real threads."""

import random
import socket
import threading
from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import wait_until
from websocket_v6.actors.server.outlet import GATHERED, Account, Outlet
from websocket_v6.actors.server.sending import sender_of

TIMEOUT = 20.0
LAST = b"<last>"


class Wire:
    """Takes as much as it has room for. `at` is called at the begin of each send."""

    def __init__(self, room: int = 0) -> None:
        self.room = room
        self.taken = b""
        self.calls = 0
        self.error: OSError | None = None
        self.at: Callable[[], None] = lambda: None

    def send(self, data: bytes) -> int:
        self.calls += 1
        self.at()
        if self.error is not None:
            raise self.error
        if not self.room:
            raise BlockingIOError
        size = min(self.room, len(data))
        self.room -= size
        self.taken += data[:size]
        return size


class Bench:
    """An outlet on a wire; `calls` counts how often the server was called."""

    def __init__(self, room: int = 0, limit: int = 1 << 30) -> None:
        self.wire = Wire(room)
        self.calls = 0
        self.account = Account(limit)
        self.ours, self.peer = socket.socketpair()
        self.outlet = self.another()

    def another(self, wire: Wire | None = None) -> Outlet:
        return Outlet(self.ours, (wire or self.wire).send, self.account, self._call)

    def _call(self) -> None:
        self.calls += 1

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self.ours.close()
        self.peer.close()


# --- the router's side


def test_what_fits_is_sent_at_once_and_nobody_is_called() -> None:
    with Bench(room=100) as bench:
        bench.outlet.put(b"one")
        bench.outlet.put(b"two")
        assert (bench.wire.taken, bench.calls, bench.outlet.is_behind, bench.outlet.queued) == (b"onetwo", 0, False, 0)


@pytest.mark.parametrize("room", range(5))
def test_the_rest_of_a_short_write_is_the_server_s_to_send(room: int) -> None:
    with Bench(room) as bench:
        bench.outlet.put(b"12345")
        assert (bench.wire.taken, bench.calls, bench.outlet.is_behind) == (b"12345"[:room], 1, True)
        sends = bench.wire.calls
        bench.outlet.put(b"678")
        assert (bench.wire.calls, bench.calls) == (sends, 1), "who is behind is only added to, and called for once"
        assert bench.outlet.queued == 8 - room
        assert not bench.outlet.catch_up()
        bench.wire.room = 100
        assert bench.outlet.catch_up()
        assert (bench.wire.taken, bench.outlet.is_behind, bench.outlet.queued) == (b"12345678", False, 0)
        bench.outlet.put(b"9")
        assert (bench.wire.taken, bench.calls) == (b"123456789", 1), "it is the router's again"


def test_who_may_not_send_leaves_it_to_the_server() -> None:
    with Bench(room=100) as bench:
        bench.outlet.put(b"one", may_send=False)
        assert (bench.wire.taken, bench.calls, bench.outlet.is_behind) == (b"", 1, True)
        bench.outlet.put(b"two")
        assert bench.wire.taken == b"", "not out of order"
        assert bench.outlet.catch_up()
        assert bench.wire.taken == b"onetwo"


def test_small_frames_that_wait_leave_together_and_frames_stay_shared() -> None:
    with Bench() as bench:
        small, large = b"s" * 1000, b"L" * (2 * GATHERED)
        for one in (b"first", *[small] * 200, large, small):
            bench.outlet.put(one)
        bench.wire.room, bench.wire.calls = 1 << 30, 0
        assert bench.outlet.catch_up()
        assert bench.wire.taken == b"first" + small * 200 + large + small
        assert bench.wire.calls < 10


def test_a_socket_that_is_gone_takes_nothing_more() -> None:
    with Bench() as bench:
        bench.wire.error = BrokenPipeError("gone")
        bench.outlet.put(b"one")
        assert bench.outlet.is_over
        assert (bench.outlet.queued, bench.calls) == (0, 0)
        sends = bench.wire.calls
        bench.outlet.put(b"two")
        assert bench.wire.calls == sends


# --- the budget


def test_the_budget_is_a_process_s_in_all_its_sockets_together() -> None:
    with Bench(limit=10) as bench:
        other = bench.another()
        bench.outlet.put(b"12345")
        other.put(b"12345")
        assert bench.account.queued == 10
        assert not bench.outlet.is_exceeded
        assert not other.is_exceeded
        calls = bench.calls
        other.put(b"6")
        assert (other.is_exceeded, other.is_over, bench.calls) == (True, True, calls + 1)
        assert not bench.outlet.is_over, "the server sees to the others"
        assert bench.account.queued == 5, "what is over waits for nobody"


def test_what_is_sent_makes_room_in_the_budget() -> None:
    with Bench(limit=10) as bench:
        for _ in range(20):
            bench.outlet.put(b"123456789")
            bench.wire.room = 9
            assert bench.outlet.catch_up()
        assert not bench.outlet.is_exceeded
        assert bench.account.queued == 0


def test_what_the_server_says_is_not_owed_once_it_is_sent() -> None:
    with Bench(limit=10) as bench:
        for _ in range(20):
            bench.outlet.say(b"pong")
            bench.outlet.add(b"word")
            bench.wire.room = 8
            bench.outlet.catch_up()
        assert bench.account.queued == 0
        bench.outlet.put(b"1234567890")
        assert bench.account.queued == 10


def test_who_moves_is_counted_where_it_is() -> None:
    with Bench() as bench:
        other = Account(5)
        bench.outlet.put(b"1234")
        bench.outlet.move(other)
        assert (bench.account.queued, other.queued, bench.outlet.account) == (0, 4, other)
        bench.outlet.put(b"56")
        assert bench.outlet.is_exceeded
        bench.outlet.close()
        assert other.outlets == []


# --- the server's side


def test_a_pong_goes_before_what_waits_but_never_into_a_frame() -> None:
    with Bench(room=2) as bench:
        bench.outlet.put(b"AAAA")
        bench.outlet.put(b"BBBB")
        bench.outlet.say(b"pong")
        bench.outlet.add(b"word")
        bench.wire.room = 100
        bench.outlet.catch_up()
        assert bench.wire.taken == b"AAAApongBBBBword"


def test_nothing_is_sent_while_it_is_held() -> None:
    with Bench(room=100) as bench:
        bench.outlet.hold(is_held=True)
        bench.outlet.put(b"one")
        assert (bench.calls, bench.outlet.is_behind) == (1, True)
        bench.outlet.say(b"pong")
        bench.outlet.add(b"word")
        assert not bench.outlet.catch_up()
        assert not bench.outlet.finish(LAST)
        assert bench.wire.calls == 0
        bench.outlet.hold(is_held=False)
        assert bench.outlet.catch_up()
        assert bench.wire.taken == LAST


def test_the_last_frame_comes_right_behind_one_that_was_begun() -> None:
    with Bench(room=2) as bench:
        bench.outlet.put(b"AAAA")
        bench.outlet.put(b"BBBB")
        assert not bench.outlet.finish(LAST)
        bench.outlet.put(b"CCCC")
        bench.outlet.add(b"word")
        bench.outlet.say(b"pong")
        bench.wire.room = 100
        assert bench.outlet.catch_up()
        assert bench.wire.taken == b"AAAA" + LAST


def test_the_last_frame_may_come_behind_all_that_waits() -> None:
    with Bench(room=2) as bench:
        bench.outlet.put(b"AAAA")
        bench.outlet.put(b"BBBB")
        bench.outlet.end_after_what_waits(LAST)
        bench.outlet.put(b"CCCC")
        bench.outlet.add(b"word")
        bench.wire.room = 100
        assert bench.outlet.catch_up()
        assert bench.wire.taken == b"AAAABBBB" + LAST


@pytest.mark.parametrize("ends", ["finish", "end_after_what_waits"])
def test_what_was_about_to_be_put_in_never_comes_behind_the_last_frame(ends: str) -> None:
    """The router had seen that it is not over; the server ended it before the frame was in."""
    with Bench() as bench:
        outlet = bench.outlet
        waiting: deque[bytes] = outlet._frames

        class Late(deque[bytes]):
            def append(self, frame: bytes) -> None:
                getattr(outlet, ends)(LAST)
                super().append(frame)

        outlet._frames = Late(waiting)
        outlet.put(b"late")
        bench.wire.room = 100
        assert outlet.catch_up()
        assert bench.wire.taken == LAST


def test_a_descriptor_is_never_used_after_it_is_closed() -> None:
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    outlet = Outlet(ours, sender_of(ours), Account(100), lambda: None)
    number = ours.fileno()
    outlet.close()
    peer.close()
    other, its_peer = socket.socketpair()
    with other, its_peer:
        assert number in (other.fileno(), its_peer.fileno()), "the number is somebody else's now"
        its_peer.setblocking(False)
        other.setblocking(False)
        outlet.put(b"one")
        outlet.is_over = False  # as the router may have seen it just before
        outlet.put(b"two")
        outlet.say(b"pong")
        outlet.add(b"word")
        outlet.catch_up()
        for sock in (other, its_peer):
            with pytest.raises(BlockingIOError):
                sock.recv(100)
    outlet.close()


# --- by every order of steps


class Stepped:
    """A lock that lets the other side have steps where a real one would: before and after it is taken, and let go."""

    def __init__(self, step: Callable[[], None]) -> None:
        self.is_held = False
        self._step = step

    def acquire(self, *, blocking: bool = True) -> bool:
        self._step()
        if self.is_held:
            assert not blocking, "the server waits for the router, which cannot go on here"
            return False
        self.is_held = True
        return True

    def release(self) -> None:
        self.is_held = False
        self._step()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class Interleaved:
    """Two sides that have their steps in an order that hypothesis draws: one side's operation within the other's."""

    def __init__(self, data: st.DataObject) -> None:
        self.bench = Bench()
        self.outlet = self.bench.outlet
        self.draw = data.draw
        self.lock = Stepped(self.step)
        self.outlet._lock = self.lock  # type: ignore[assignment]
        self.bench.wire.at = self.step
        self.running: list[str] = []
        self.put: list[bytes] = []
        self.is_watched = False
        self.handled = 0
        self.is_ended = False

    def step(self) -> None:
        """Perhaps let the other side do something here."""
        if self.draw(st.booleans()):
            self.bench.wire.room += self.draw(st.integers(0, 6))
        if len(self.running) != 1 or not self.draw(st.booleans()):
            return
        if self.running == ["server"]:
            self.router()
        elif not self.lock.is_held:
            self.server()

    def router(self) -> None:
        self.running.append("router")
        frame = b"<%d>" % len(self.put)
        if not self.outlet.is_over:
            self.put.append(frame)
        self.outlet.put(frame, may_send=self.draw(st.integers(0, 3)) > 0)
        self.running.pop()

    def server(self) -> None:
        self.running.append("server")
        if self.handled < self.bench.calls or self.is_watched:
            self.handled = self.bench.calls
            self.outlet.catch_up()
        elif self.draw(st.booleans()):
            self.outlet.say(b"(p)")
        self.is_watched = self.outlet.is_behind
        self.running.pop()

    def rest(self) -> None:
        """Let the server do what it was called for, and no more."""
        self.bench.wire.at = lambda: None
        self.draw = lambda *_: False  # type: ignore[assignment]
        for _ in range(10):
            self.bench.wire.room = 1 << 30
            if self.handled == self.bench.calls and not self.is_watched:
                break
            self.server()


@settings(max_examples=100, deadline=None)
@given(st.data(), st.lists(st.sampled_from(["router", "server"]), min_size=1, max_size=12))
def test_nothing_is_lost_doubled_or_out_of_order_whoever_goes_first(data: st.DataObject, order: list[str]) -> None:
    world = Interleaved(data)
    with world.bench:
        for side in order:
            getattr(world, side)()
        world.rest()
        taken = world.bench.wire.taken
        assert taken.replace(b"(p)", b"") == b"".join(world.put), "all of it, and nobody had to ask"
        assert not world.outlet.is_behind
        assert world.outlet.queued == 0


@settings(max_examples=80, deadline=None)
@given(
    st.data(),
    st.lists(st.sampled_from(["router", "server"]), min_size=1, max_size=8),
    st.sampled_from(["finish", "end_after_what_waits"]),
)
def test_the_last_frame_is_the_last_whoever_goes_first(data: st.DataObject, order: list[str], ends: str) -> None:
    world = Interleaved(data)
    with world.bench:
        for side in order:
            getattr(world, side)()
        before = len(world.put)
        world.running.append("server")
        getattr(world.outlet, ends)(LAST)
        world.running.pop()
        world.is_watched = True
        world.rest()
        taken = world.bench.wire.taken.replace(b"(p)", b"")
        assert taken.endswith(LAST)
        sent = taken.removesuffix(LAST)
        whole = b"".join(world.put)
        assert whole.startswith(sent)
        assert sent in {b"".join(world.put[:count]) for count in range(len(world.put) + 1)}, "whole frames"
        if ends == "end_after_what_waits":
            assert sent.startswith(b"".join(world.put[:before]))


# --- by two threads


def test_two_threads_lose_nothing_and_double_nothing() -> None:
    """The router puts frames of all sizes, the server drains and says pongs; the reader reads in pieces."""
    rng = random.Random(5)
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    peer.settimeout(TIMEOUT)
    called: threading.Event = threading.Event()
    over, sent = threading.Event(), []
    outlet = Outlet(ours, sender_of(ours), Account(1 << 30), called.set)

    def put() -> None:
        for number in range(3000):
            size = rng.choice((1, 10, 300, 300, 300, 9000))
            frame = b"<%d:%d>" % (number, size) + b"x" * size
            sent.append(frame)
            outlet.put(frame, may_send=number % 50 != 0)
        over.set()

    def drain() -> None:
        mine = random.Random(6)
        while not (over.is_set() and not outlet.is_behind and not called.is_set()):
            if called.wait(0.0005):
                called.clear()
            if mine.random() < 0.2:
                outlet.say(b"(p)")
            outlet.catch_up()
            if outlet.is_behind:
                called.set()
        outlet.end_after_what_waits(LAST)
        wait_until(outlet.catch_up, "the last of it")
        ours.shutdown(socket.SHUT_WR)

    threads = [threading.Thread(target=put), threading.Thread(target=drain)]
    for thread in threads:
        thread.start()
    received = bytearray()
    reading = random.Random(7)
    while chunk := peer.recv(reading.choice((1, 100, 5000, 100_000))):
        received += chunk
    for thread in threads:
        thread.join(TIMEOUT)
    outlet.close()
    peer.close()
    assert bytes(received).replace(b"(p)", b"") == b"".join(sent) + LAST


def test_the_server_may_close_while_the_router_puts() -> None:
    """No other socket ever gets what was meant for one that is closed."""
    for _ in range(50):
        ours, peer = socket.socketpair()
        ours.setblocking(False)
        peer.setblocking(False)
        outlet = Outlet(ours, sender_of(ours), Account(1 << 30), lambda: None)
        begun = threading.Event()

        def put(outlet: Outlet = outlet, begun: threading.Event = begun) -> None:
            for _ in range(200):
                outlet.put(b"secret")
                begun.set()

        thread = threading.Thread(target=put)
        thread.start()
        assert begun.wait(TIMEOUT)
        outlet.close()
        other, its_peer = socket.socketpair()
        thread.join(TIMEOUT)
        peer.close()
        for sock in (other, its_peer):
            sock.setblocking(False)
            with pytest.raises(BlockingIOError):
                sock.recv(100)
        other.close()
        its_peer.close()
