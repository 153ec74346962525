"""The way to an open connection, against a server that does just what a test says: what is asked, what is refused."""

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest
import websocket

from tests.actors.connection.peer import (
    TIMEOUT,
    Answer,
    Peer,
    accept_of,
    answered,
    hang_up,
    key_of,
    until_hung_up,
    welcome,
)
from tests.actors.ear import StandIn
from websocket_v6.actors.connection.opening import Opening, socket_of
from websocket_v6.actors.jwt import Grant, TokenWanted
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.errors import (
    AuthenticationError,
    RateLimitedError,
    RemoteProtocolError,
    TransportError,
    WebSocketV6Error,
)
from websocket_v6.protocol.secret import Secret
from websocket_v6.protocol.websocket import deflate

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover"


class World:
    """One attempt, the server that it goes to, and the request that came there."""

    def __init__(
        self,
        answer: Answer = welcome,
        then: Callable[[socket.socket], None] = until_hung_up,
        *,
        endpoint: str = "public",
        config: Config | None = None,
        compresses: bool = True,
    ) -> None:
        self.requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._answer = answer
        self.peer = Peer(self._note, then)
        self.jwt = StandIn("jwt", answers={TokenWanted: Grant(Secret("ey.a.token"), 3)})
        target = Target(self.peer.url, needs_keys=endpoint != "public", compresses=compresses)
        self.opening = Opening(endpoint, target, config or Config(connect_timeout=TIMEOUT), self.jwt.ref)

    def _note(self, request: bytes) -> bytes:
        self.requests.put(request)
        return self._answer(request)

    def headers(self) -> dict[str, str]:
        """Return the headers of the request, by their names in small letters."""
        _, *lines = self.requests.get(timeout=TIMEOUT).decode().split("\r\n")[:-2]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    def fails(self) -> WebSocketV6Error:
        """Open; return why that failed, after a look that nothing of it is left open."""
        with pytest.raises(WebSocketV6Error) as caught:
            self.opening.open()
        assert self.opening.ws.sock is None
        return caught.value

    def close(self) -> None:
        self.opening.close()
        self.peer.close()


@pytest.fixture
def worlds() -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(*args: Any, **options: Any) -> World:
        made.append(World(*args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


# --- what is asked


def test_an_open_connection_is_one_that_never_blocks(worlds: Callable[..., World]) -> None:
    world = worlds()
    assert world.opening.open() is None, "nothing was agreed on"
    sock = socket_of(world.opening.ws)
    assert sock.gettimeout() == 0.0
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert world.opening.keys == 0
    assert world.jwt.heard() == [], "no keys are needed"


def test_the_request_says_no_more_than_it_must(worlds: Callable[..., World]) -> None:
    world = worlds()
    world.opening.open()
    headers = world.headers()
    assert headers.pop("host") == world.peer.url.split("/")[2]
    assert len(headers.pop("sec-websocket-key")) == 24
    assert headers == {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-version": "13",
        "user-agent": "websocket_v6",
        "sec-websocket-extensions": deflate.OFFER,
    }, "above all no Origin, which the exchange lets in once in 10 s"


def test_each_attempt_has_a_key_of_its_own(worlds: Callable[..., World]) -> None:
    keys = set()
    for _ in range(2):
        world = worlds()
        world.opening.open()
        keys.add(world.headers()["sec-websocket-key"])
    assert len(keys) == 2


@pytest.mark.parametrize(("is_configured", "compresses"), [(True, True), (True, False), (False, True), (False, False)])
def test_compression_is_offered_if_configuration_and_target_allow_it(
    worlds: Callable[..., World], is_configured: bool, compresses: bool
) -> None:
    is_offered = is_configured and compresses
    config = Config(compression=is_configured)
    world = worlds(lambda request: answered(accept_of(key_of(request)), DEFLATE), config=config, compresses=compresses)
    if is_offered:
        agreed = world.opening.open()
        assert agreed is not None
        assert agreed.deflater.deflate(b"x" * 5000) is not None
    else:
        assert "no extension was offered" in str(world.fails())
    assert ("sec-websocket-extensions" in world.headers()) is is_offered


def test_a_token_goes_with_it_where_keys_are_needed(worlds: Callable[..., World]) -> None:
    world = worlds(endpoint="private")
    world.opening.open()
    assert world.headers()["authorization"] == "Bearer ey.a.token"
    assert world.opening.keys == 3
    assert world.jwt.heard() == [TokenWanted()]


# --- why there is none


@pytest.mark.parametrize("error", [pykka.ActorDeadError, pykka.Timeout])
def test_without_a_token_nothing_is_sent(error: type[Exception]) -> None:
    def fail(_: object) -> Grant:
        raise error

    jwt = StandIn("jwt", answers={TokenWanted: fail})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/private"
        opening = Opening("private", Target(url, needs_keys=True), Config(), jwt.ref)
        with pytest.raises(TransportError, match="no token for the private endpoint"):
            opening.open()
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert opening.keys == 0


def test_missing_keys_are_what_the_holder_of_keys_says(worlds: Callable[..., World]) -> None:
    def fail(_: object) -> Grant:
        raise AuthenticationError("no API keys")

    opening = Opening("private", Target("ws://127.0.0.1:1/", needs_keys=True), Config(), StandIn().ref)
    opening._jwt = StandIn("jwt", answers={TokenWanted: fail}).ref
    with pytest.raises(AuthenticationError, match="no API keys"):
        opening.open()


def refuse(status: str, body: str = "") -> Answer:
    answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    return lambda _: answer


def test_refused_keys_are_so_only_where_keys_were_sent(worlds: Callable[..., World]) -> None:
    body = '{"error":{"name":"jwt_verification","message":"no"}}'
    error = worlds(refuse("401 Unauthorized", body), endpoint="private").fails()
    assert isinstance(error, AuthenticationError)
    assert error.name == "jwt_verification"
    error = worlds(refuse("401 Unauthorized", body), endpoint="public").fails()
    assert type(error) is TransportError
    assert "public endpoint ws://127.0.0.1" in str(error)
    assert "HTTP 401: look for a firewall" in str(error)
    assert "give its token" in str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("429 Too Many Requests", RateLimitedError),
        ("418 I'm a teapot", RateLimitedError),
        ("503 Service Unavailable", TransportError),
        ("404 Not Found", TransportError),
    ],
)
def test_other_refusals_are_what_they_say(
    worlds: Callable[..., World], status: str, kind: type[WebSocketV6Error]
) -> None:
    error = worlds(refuse(status)).fails()
    assert type(error) is kind
    assert status[:3] in str(error)


def test_a_redirect_is_followed_nowhere(worlds: Callable[..., World]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        location = f"Location: ws://127.0.0.1:{elsewhere.getsockname()[1]}/"
        error = worlds(refuse(f"302 Found\r\n{location}")).fails()
        assert type(error) is TransportError
        elsewhere.setblocking(False)
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


def test_an_answer_to_another_key_is_none(worlds: Callable[..., World]) -> None:
    error = worlds(lambda request: answered(accept_of(key_of(request)).swapcase())).fails()
    assert isinstance(error, RemoteProtocolError)
    assert "Sec-WebSocket-Accept" in str(error)


def test_a_peer_that_hangs_up_is_no_connection(worlds: Callable[..., World]) -> None:
    error = worlds(lambda _: b"", hang_up).fails()
    assert type(error) is TransportError
    assert "cannot connect to the public endpoint ws://127.0.0.1" in str(error)
    assert error.__cause__ is None, "its frames hold the token"


def test_who_is_not_there_is_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    opening = Opening("info", Target(f"ws://127.0.0.1:{port}/"), Config(), StandIn().ref)
    with pytest.raises(TransportError, match="cannot connect to the info endpoint"):
        opening.open()


def test_a_url_that_is_none_is_no_bug() -> None:
    opening = Opening("info", Target("nonsense"), Config(), StandIn().ref)
    with pytest.raises(TransportError, match="cannot connect"):
        opening.open()


def test_who_does_not_answer_is_waited_for_no_longer_than_configured(worlds: Callable[..., World]) -> None:
    error = worlds(lambda _: b"", config=Config(connect_timeout=0.1)).fails()
    assert type(error) is TransportError
    assert "not done within 0.1 s, it was waiting for the answer to the handshake" in str(error)


# --- given up, at each stage


def test_given_up_before_it_began(worlds: Callable[..., World]) -> None:
    world = worlds()
    world.opening.abort()
    assert "was given up" in str(world.fails())


def test_given_up_while_it_waits_for_its_token(worlds: Callable[..., World]) -> None:
    world = worlds(endpoint="private")

    def abort(_: object) -> Grant:
        world.opening.abort()
        return Grant(Secret("ey.a.token"), 4)

    world.jwt.answers[TokenWanted] = abort
    assert "was given up" in str(world.fails())
    assert world.opening.keys == 4


def test_given_up_while_it_waits_for_the_answer(worlds: Callable[..., World]) -> None:
    ended = threading.Event()

    def answer(request: bytes) -> bytes:
        world.opening.abort()
        assert ended.wait(TIMEOUT), "it did not wait for an answer"
        return b""

    world = worlds(answer)
    try:
        error = world.fails()
    finally:
        ended.set()
    assert isinstance(error, TransportError)
    assert "was given up" in str(error)


def test_given_up_when_the_answer_was_there(worlds: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    def negotiate(*_: object, **__: object) -> None:
        world.opening.abort()  # from another thread, which has not come to the socket yet

    world = worlds()
    monkeypatch.setattr(deflate, "negotiate", negotiate)
    assert "was given up" in str(world.fails())


def test_what_nobody_wants_any_more_ends_at_once_or_opens_in_peace(worlds: Callable[..., World]) -> None:
    def answer(request: bytes) -> bytes:
        world.opening.give_up()
        return b""

    world = worlds(answer)
    assert "was given up" in str(world.fails())
    world = worlds()
    world.opening.open()
    world.opening.give_up()
    assert socket_of(world.opening.ws).getpeername(), "it is the transport's to close, with a close frame"


def test_given_up_once_it_is_open(worlds: Callable[..., World]) -> None:
    heard = queue.SimpleQueue[bytes]()
    world = worlds(then=lambda sock: heard.put(sock.recv(100)))
    world.opening.open()
    sock = socket_of(world.opening.ws)
    world.opening.abort()
    world.opening.abort()
    assert heard.get(timeout=TIMEOUT) == b"", "without another word"
    assert sock.fileno() >= 0, "its thread closes it"
    assert sock.recv(1) == b""
    world.opening.close()
    assert sock.fileno() == -1


def test_a_socket_that_is_closed_already_can_be_given_up(worlds: Callable[..., World]) -> None:
    world = worlds()
    world.opening.open()
    sock = socket_of(world.opening.ws)
    sock.close()
    world.opening.abort()


def test_anything_that_goes_wrong_leaves_nothing_open(
    worlds: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(deflate, "negotiate", fail)
    world = worlds()
    with pytest.raises(RuntimeError, match="a bug"):
        world.opening.open()
    assert world.opening.ws.sock is None


def test_there_is_no_socket_of_what_is_closed(worlds: Callable[..., World]) -> None:
    world = worlds()
    with pytest.raises(websocket.WebSocketConnectionClosedException):
        socket_of(world.opening.ws)
    world.opening.open()
    assert socket_of(world.opening.ws) is world.opening.ws.sock
    world.opening.close()
    world.opening.close()
    with pytest.raises(websocket.WebSocketConnectionClosedException):
        socket_of(world.opening.ws)
