"""The way into another machine's host: what is said there and what never is, and what is made of a refusal."""

import queue
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from tests.actors.connection.peer import TIMEOUT, Answer, Peer, accept_of, answered, key_of, until_hung_up, welcome
from tests.actors.ear import Ear, StandIn
from websocket_v6.actors.base import ask, stop_and_join
from websocket_v6.actors.connection.door_opening import RemoteOpening
from websocket_v6.actors.connection.opening import Opening
from websocket_v6.actors.connection.remote_handshake import remedy, remote_headers
from websocket_v6.actors.jwt import GetDoorToken, GetProof, Jwt, Proof, ReplaceKeys
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import CHALLENGE, OTHER_KEYS, PROOF
from websocket_v6.protocol.connection.target import remote_target
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.tokens import Keys, make_proof
from websocket_v6.protocol.secret import Secret

TOKEN = "the-token-of-a-door"
ACCESS, SECRET = "ACCESS" + "a" * 34, "SECRET" + "s" * 34
QUESTION = "0f" * 32
CONFIG = Config(
    url="wss://host.example/websocket/v1",
    token=TOKEN,
    access_key=ACCESS,
    secret_key=SECRET,
    connect_timeout=TIMEOUT,
    compression=False,
)


def open_to(request: bytes) -> bytes:
    return answered(accept_of(key_of(request)), "Sec-WebSocket-Protocol: v6.2")


def refuse(status: str, *headers: str, body: str = "") -> Answer:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", body]
    return lambda _: "\r\n".join(lines).encode()


def challenge(question: str = QUESTION) -> Answer:
    return refuse("401 Unauthorized", f"{CHALLENGE}: {question}")


class Road:
    """Doors that answer one request each, one after the other at one address, and what came there."""

    def __init__(self, *answers: Answer) -> None:
        self.requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._answers = iter(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._peers = [Peer(self._note, until_hung_up, listener=self._listener.dup()) for _ in answers]
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/websocket/v1"

    def _note(self, request: bytes) -> bytes:
        self.requests.put(request)
        return next(self._answers)(request)

    def heard(self) -> list[dict[str, str]]:
        """Return the headers of the requests that came, by their names in small letters."""
        found = []
        while not self.requests.empty():
            _, *lines = self.requests.get().decode().split("\r\n")[:-2]
            found.append({name.lower(): value for name, _, value in (line.partition(": ") for line in lines)})
        return found

    def close(self) -> None:
        for _ in self._peers:
            with socket.create_connection(self._listener.getsockname()):  # for those to whom nobody came
                pass
        self._listener.close()
        for peer in self._peers:
            peer.join()


@pytest.fixture
def roads() -> Iterator[Callable[..., Road]]:
    made: list[Road] = []

    def make(*answers: Answer) -> Road:
        made.append(Road(*answers))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def keys() -> Iterator[Ref]:
    ref = Jwt.start(config=CONFIG, owner=Ear().ref)
    yield ref
    assert stop_and_join(ref, TIMEOUT)


def attempt(road: Road, keys: Ref, endpoint: str = "public") -> Opening:
    target = remote_target(road.url, needs_keys=endpoint != "public")
    return RemoteOpening(endpoint, target, CONFIG.without_keys(), keys)


def fails(road: Road, keys: Ref, endpoint: str = "public") -> WebSocketV6Error:
    opening = attempt(road, keys, endpoint)
    with pytest.raises(WebSocketV6Error) as caught:
        opening.open()
    assert opening.ws.sock is None
    for secret in (TOKEN, ACCESS, SECRET):
        assert secret not in str(caught.value)
    return caught.value


# --- what is said


def test_the_token_and_the_versions_are_said(roads: Callable[..., Road], keys: Ref) -> None:
    road = roads(open_to)
    opening = attempt(road, keys)
    assert opening.open() is None
    opening.close()
    (headers,) = road.heard()
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["sec-websocket-protocol"] == "v6.2"
    assert "origin" not in headers
    assert opening.keys == 0, "none were shown"


def test_keys_are_shown_by_an_answer_to_a_question(roads: Callable[..., Road], keys: Ref) -> None:
    road = roads(challenge(), open_to)
    opening = attempt(road, keys, "private")
    opening.open()
    opening.close()
    first, second = road.heard()
    assert {CHALLENGE.lower(), PROOF.lower()}.isdisjoint(first)
    assert second[CHALLENGE.lower()] == QUESTION
    assert second[PROOF.lower()] == make_proof(Keys(ACCESS, SECRET), bytes.fromhex(QUESTION)).hex()
    for headers in (first, second):
        assert headers["authorization"] == f"Bearer {TOKEN}", "no token of the exchange's goes there"
    assert first["sec-websocket-key"] == second["sec-websocket-key"], "one attempt"
    assert opening.keys == 1


def test_an_attempt_says_of_which_generation_the_shown_keys_are(roads: Callable[..., Road], keys: Ref) -> None:
    ask(keys, ReplaceKeys(Keys("other", SECRET)), TIMEOUT)
    road = roads(challenge(), refuse("403 Forbidden", f"{OTHER_KEYS}: 1"))
    opening = attempt(road, keys, "private")
    with pytest.raises(TransportError, match="its keys are others"):
        opening.open()
    assert opening.keys == 2


def test_who_has_no_keys_says_so_with_an_empty_answer(roads: Callable[..., Road]) -> None:
    road = roads(challenge(), refuse("403 Forbidden", f"{OTHER_KEYS}: 1"))
    keys = Jwt.start(config=Config(url=CONFIG.url, token=TOKEN), owner=Ear().ref)
    error = fails(road, keys, "private")
    assert "there are none here" in str(error)
    assert road.heard()[1][PROOF.lower()] == ""
    assert stop_and_join(keys, TIMEOUT)


def test_a_question_is_answered_once(roads: Callable[..., Road], keys: Ref) -> None:
    road = roads(challenge(), challenge("1f" * 32), open_to)
    assert "HTTP 401" in str(fails(road, keys, "private"))
    assert len(road.heard()) == 2


def test_where_no_keys_are_needed_no_question_is_answered(roads: Callable[..., Road], keys: Ref) -> None:
    road = roads(challenge(), open_to)
    assert "HTTP 401: check the token" in str(fails(road, keys))
    assert len(road.heard()) == 1


@pytest.mark.parametrize("question", ["", "0", "0g", "0F", "00" * 65, "xyz" * 4])
def test_what_is_no_question_is_not_answered(roads: Callable[..., Road], keys: Ref, question: str) -> None:
    road = roads(challenge(question), open_to)
    assert "HTTP 401" in str(fails(road, keys, "private"))
    assert len(road.heard()) == 1


@pytest.mark.parametrize("error", [pykka.ActorDeadError, pykka.Timeout])
@pytest.mark.parametrize("question", [GetDoorToken, GetProof])
def test_without_who_holds_the_keys_there_is_no_attempt(error: type[Exception], question: type[Any]) -> None:
    def fail(_: object) -> None:
        raise error

    answers = {GetDoorToken: Secret(TOKEN), GetProof: Proof(b"proof", 1)} | {question: fail}
    with pytest.raises(TransportError, match="the holder of the keys is being restarted") as caught:
        remote_headers(StandIn("jwt", answers=answers).ref, QUESTION)
    assert caught.value.__cause__ is None


# --- who answers


def test_the_exchange_itself_is_no_door(roads: Callable[..., Road], keys: Ref) -> None:
    road = roads(welcome)
    error = fails(road, keys)
    assert type(error) is TransportError
    assert f"{road.url} is no door of a host that this one understands: look at its version and url" in str(error)


def test_a_version_that_was_not_offered_is_refused(roads: Callable[..., Road], keys: Ref) -> None:
    road = roads(lambda request: answered(accept_of(key_of(request)), "Sec-WebSocket-Protocol: v7.0"))
    assert "'v7.0', never asked for" in str(fails(road, keys))


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("401 Unauthorized", "check the token (WEBSOCKET_V6_TOKEN)"),
        ("403 Forbidden", "does not let this machine in"),
        ("404 Not Found", "/websocket/v1"),
        ("421 Misdirected Request", "--host"),
        ("426 Upgrade Required", "bring both up to date"),
        ("429 Too Many Requests", "too many connects from this address"),
        ("503 Service Unavailable", "too many clients"),
        ("500 Internal Server Error", "out of order"),
    ],
)
def test_a_refusal_says_what_helps(roads: Callable[..., Road], keys: Ref, status: str, why: str) -> None:
    road = roads(refuse(status, body='{"error":{"name":401,"message":"no"}}'))
    error = fails(road, keys, "private")
    assert type(error) is TransportError, "these are no words about the exchange's keys, nor about its limits"
    assert str(error).startswith(f"the door {road.url} answered HTTP {status[:3]}: ")
    assert why in str(error)


def test_what_is_not_known_to_help_is_not_said() -> None:
    assert remedy(418, {}) is None
    assert remedy(403, {}) != remedy(403, {OTHER_KEYS.lower(): "1"})
