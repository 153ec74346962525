"""The door for other programs: whatever speaks the exchange's protocol, in any language, and hosts of other machines.

It has a thread of its own, for it converts, compresses and encrypts, and nobody else's data waits for that.
"""

import logging
import socket
import ssl
import time
from collections.abc import Iterator

from websocket_v6.actors.base import tell
from websocket_v6.actors.jwt import Judge, Judged, JudgeProof
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.connection import KeysChanged
from websocket_v6.actors.messages.server import NetworkHealth, VisitorHealth
from websocket_v6.actors.messages.supervisor import Failed, ShowState
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import CHALLENGE, OTHER_KEYS, PROOF, SUBPROTOCOLS
from websocket_v6.protocol.exchange.wants import open_as
from websocket_v6.protocol.server.bearer import Bearer, Refusal, Token, read_token
from websocket_v6.protocol.server.challenges import Challenges
from websocket_v6.protocol.server.door_rules import Doorkeeper, Rules, Visit, endpoint_at, is_own_page
from websocket_v6.protocol.server.plain_frames import PlainFrames
from websocket_v6.protocol.server.request_reading import MAX_GUEST_REQUEST, MAX_REQUEST
from websocket_v6.protocol.server.row_frames import RowFrames
from websocket_v6.protocol.websocket.outgoing import close_frame
from websocket_v6.protocol.websocket.server_deflate import ServerAgreement, agree
from websocket_v6.protocol.websocket.server_handshake import BadRequest, Head, accept, refuse, upgrade

from .base_server import BaseServer
from .network_mouth import MOST_BYTES, Convey, Deliver, NetworkMouth, Overrun
from .outlet import Account
from .page import Page
from .plain_session import PlainSession
from .remote_session import RemoteSession
from .securing import secured
from .sending import sender_of
from .server_client import Client, Session, Stage

__all__ = ["NetworkServer"]

logger = logging.getLogger(__name__)

BUDGET = 64 * 1024 * 1024  # bytes that may wait for one client
MOST_STREAMS = 50_000  # of all plain clients together; those who have the same count each
GOING_AWAY, RESTART = 1001, 1012  # close codes of RFC 6455, 7.4.1, and "try again later"
TOO_SLOW = 1013
KEYS_CHANGED = 4403  # of ours (RFC 6455, 7.4.2)
KEYS_REPLACED = "the keys are others now"
CLOCK = 10.0  # seconds between two times that hosts of other machines are told what time it is
MAX_PROOF = 128  # hexadecimal digits


class NetworkServer(BaseServer):
    """Serves whoever the `rules` let in, at `address`; over TLS with a `context`.

    Receives Deliver, Convey and Overrun from the router, Judged from the keys, KeysChanged, ShowState and Dismiss from
    its owner. Sends DoorOpened or DoorFailed to its owner, Watch, Subscribe, Unsubscribe, AskExchange and ComponentGone
    to the registry, Judge and JudgeProof to the keys, Beat to the router.
    """

    def __init__(
        self,
        *,
        config: Config,
        address: str,
        rules: Rules,
        context: ssl.SSLContext | None,
        registry: Ref,
        router: Ref,
        jwt: Ref,
        owner: Ref,
    ) -> None:
        self._mouth = NetworkMouth(lambda: self.actor_ref)
        super().__init__(address, self._mouth, router, owner)
        self._config = config
        self._rules = rules
        self._keeper = Doorkeeper(rules)
        self._context = context
        self._registry = registry
        self._jwt = jwt
        self._bearer = Bearer()
        self._page = Page(time.monotonic())
        self._judged: dict[int, tuple[Head, Token | None]] = {}  # clients whose tokens, or proofs, are looked at
        self._nonces: dict[int, str] = {}  # of the tokens that clients came in with
        self._challenges = Challenges()
        self._clock_due = 0.0
        self._cut_off = 0

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case Deliver():
                self._deliver(message)
            case Convey(way, news):
                client = self._sockets.get(way.client)
                if client is not None and isinstance(client.session, PlainSession | RemoteSession):
                    client.session.convey(news)
                    self._sockets.watch(client)
            case Overrun():
                logger.warning("more than %d bytes wait for clients of the network: all are closed", MOST_BYTES)
                for session in self._sessions():
                    session.interrupt()
            case Judged(number, is_signed):
                self._admit_judged(number, is_signed=is_signed)
            case KeysChanged():
                self._end_private()
            case ShowState(state, metrics, unready):
                self._page.show(state, metrics, unready, time.monotonic())
            case GetHealth():
                return self._health()
            case _:
                return super().on_receive(message)
        return None

    # --- who comes and goes

    def _accept(self) -> None:
        if self._listener is None or self._is_dismissed:
            return
        for sock in self._listener.accept():
            try:
                self._take_in(sock)
            except (OSError, ValueError):  # it hung up before it was looked at
                sock.close()

    def _take_in(self, sock: socket.socket) -> None:
        (peer, port), reached = sock.getpeername()[:2], sock.getsockname()[0]
        account = Account(BUDGET)
        if self._context is None:
            client = self._sockets.add(sock, sender_of(sock), account, 0)
        else:
            secure = secured(sock, self._context)
            client = self._sockets.add(secure, secure.send, account, 0, stage=Stage.TLS)
        if client is not None:
            client.address, client.reached = peer.removeprefix("::ffff:"), reached
            client.name = f"a program at {_where(client.address, port)}"

    def enter(self, client: Client, head: Head) -> Session | None:
        """Take a handshake, or a visit to the page."""
        is_host = _subprotocol(head) is not None
        visit = Visit(
            head.path,
            head.query,
            head.headers,
            client.address,
            client.reached,
            sum(one.session is not None for one in self._sockets),
            sum(one.session is not None and one.address == client.address for one in self._sockets),
            "upgrade" not in head.headers and endpoint_at(head.path) is None,
            is_host,
        )
        refusal = self._keeper.refusal(visit, time.monotonic())
        if refusal is not None:
            self._refuse(client, refusal)
            return None
        if visit.is_look:
            self._sockets.refuse(client, self._page.answer(head, time.monotonic()), "it has what it asked for")
            return None
        if open_as(endpoint_at(head.path, is_host=is_host) or "") == "public":
            return self._let_in(client, head)
        if not is_host:
            self._ask_for_token(client, head)
        else:
            self._ask_for_proof(client, head)
        return None

    def _ask_for_token(self, client: Client, head: Head) -> None:
        """Have a plain client's own token looked at, as the exchange does."""
        token = read_token(head.headers.get("authorization"))
        if isinstance(token, Refusal):
            self._refuse(client, token)
            return
        self._judged[client.number] = head, token
        client.stage = Stage.WAITING
        tell(self._jwt, Judge(client.number, token, self.actor_ref))

    def _ask_for_proof(self, client: Client, head: Head) -> None:
        """Have another host show that its keys are those here; no token of the exchange's comes through a door."""
        challenge, proof = (head.headers.get(name.lower(), "") for name in (CHALLENGE, PROOF))
        if not self._challenges.take(challenge, time.monotonic()):
            fresh = {CHALLENGE: self._challenges.make(time.monotonic())}
            self._sockets.refuse(client, refuse(401, headers=fresh), "it is asked to show its keys")
            return
        self._judged[client.number] = head, None
        client.stage = Stage.WAITING
        given = bytes.fromhex(proof) if _is_hex(proof) else b""
        tell(self._jwt, JudgeProof(client.number, bytes.fromhex(challenge), given, self.actor_ref))

    def _admit_judged(self, number: int, *, is_signed: bool) -> None:
        client = self._sockets.get(number)
        head, token = self._judged.pop(number, (None, None))
        if client is None or head is None or client.stage is not Stage.WAITING:
            return
        refusal = None if token is None else self._bearer.judge(token, time.monotonic(), is_signed=is_signed)
        if refusal is not None:
            self._refuse(client, refusal)
        elif token is None and not is_signed:
            self._sockets.refuse(client, refuse(403, headers={OTHER_KEYS: "1"}), "its keys are others")
        elif (session := self._let_in(client, head)) is not None:
            if token is not None:
                self._nonces[number] = token.nonce
            self._sockets.go_on(client, session)

    def _let_in(self, client: Client, head: Head) -> Session | None:
        try:
            key, agreed = upgrade(head), agree(head.headers.get("sec-websocket-extensions"))
        except BadRequest as exc:
            self._sockets.refuse(client, refuse(exc.status, headers=exc.headers), exc.reason)
            return None
        subprotocol = _subprotocol(head)
        endpoint = endpoint_at(head.path, is_host=subprotocol is not None) or "public"
        if subprotocol is not None:
            return self._let_in_host(client, key, subprotocol, endpoint)
        agreed = agreed if self._config.compression else None
        response = accept(key, subprotocol=None, extensions=agreed.response if agreed else None)
        self._sockets.admit(client, response, MAX_REQUEST, agreed.inflater if agreed else None)
        is_onlooker = is_own_page(self._rules, head.headers)
        if is_onlooker:
            client.name = client.name.replace("a program", "the page", 1)
        return self._plain_session(client, endpoint, agreed, is_onlooker=is_onlooker)

    def _plain_session(
        self, client: Client, endpoint: str, agreed: ServerAgreement | None, *, is_onlooker: bool
    ) -> PlainSession:
        return PlainSession(
            client,
            endpoint,
            region=self._config.region,
            registry=self._registry,
            window_bits=agreed.window_bits if agreed else 0,
            room=lambda: MOST_STREAMS - sum(one.streams for one in self._sessions() if isinstance(one, PlainSession)),
            close=self._linger,
            hang_up=lambda one: self._sockets.gone(one, "it was idle"),
            is_onlooker=is_onlooker,
        )

    def _let_in_host(self, client: Client, key: str, subprotocol: str, endpoint: str) -> Session:
        self._sockets.admit(client, accept(key, subprotocol=subprotocol, extensions=None), MAX_GUEST_REQUEST)
        client.name = client.name.replace("a program", "a host", 1)
        return RemoteSession(
            client,
            endpoint,
            region=self._config.region,
            registry=self._registry,
            backfills=self._config.backfill,
            close=self._linger,
        )

    def _linger(self, client: Client, code: int, reason: str) -> None:
        if code == RESTART and (nonce := self._nonces.get(client.number)) is not None:
            self._bearer.forgive(nonce)
        self._sockets.linger(client, close_frame(code, reason), reason)

    def _refuse(self, client: Client, refusal: Refusal) -> None:
        self._sockets.refuse(client, refuse(refusal.status, refusal.body), f"HTTP {refusal.status}")

    def close(self) -> None:
        """Say good-bye to all that are served, as far as that fits, and close all sockets."""
        for client in self._sockets:
            if client.stage is Stage.OPEN:
                self._sockets.finish(client, close_frame(GOING_AWAY, "this host ends"), "it ends")
        super().close()

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor."""
        tell(self._owner, Failed("network", self.actor_ref, error))

    def _end_private(self) -> None:
        """Close whoever showed keys that are no more ours: what comes from now on is another account's.

        What lay in the way of this message was judged by the old ones, what comes behind it is by the new.
        """
        for client in self._sockets:
            session = client.session
            if isinstance(session, PlainSession | RemoteSession) and open_as(session.endpoint) != "public":
                code = KEYS_CHANGED if isinstance(session, RemoteSession) else RESTART
                self._sockets.finish(client, close_frame(code, KEYS_REPLACED), KEYS_REPLACED)

    def left(self, client: Client, reason: str) -> None:  # noqa: ARG002
        """Forget what was asked about its token."""
        self._judged.pop(client.number, None)
        self._nonces.pop(client.number, None)

    # --- what they get

    def _deliver(self, message: Deliver) -> None:
        frames, rows = PlainFrames(), RowFrames()
        for way, events in message.rows:
            client = self._sockets.get(way.client)
            session = client.session if client is not None else None
            if isinstance(session, PlainSession):
                session.deliver(events, frames)
            elif isinstance(session, RemoteSession):
                session.deliver(events, rows)
        self._mouth.done(message.size)

    def _too_slow(self, client: Client) -> None:
        self._cut_off += 1
        reason = f"it took data too slowly: more than {BUDGET} bytes waited for it"
        self.cut(client, reason)
        self._sockets.finish(client, close_frame(TOO_SLOW, reason), reason)

    def _look_around(self, now: float) -> None:
        super()._look_around(now)
        moment = time.monotonic()
        for session in self._sessions():
            if isinstance(session, RemoteSession):
                if moment >= self._clock_due:
                    session.say_time()
            elif (due := session.next_due) is not None and due <= moment:
                session.due()
        if moment >= self._clock_due:
            self._clock_due = moment + CLOCK

    def _sessions(self) -> Iterator[PlainSession | RemoteSession]:
        for client in self._sockets:
            if isinstance(client.session, PlainSession | RemoteSession):
                yield client.session

    def _health(self) -> NetworkHealth:
        clients = tuple(
            VisitorHealth(
                client.name,
                client.session.endpoint,
                client.session.format,
                client.session.streams,
                client.session.delivered,
                client.outlet.queued,
                isinstance(client.session, PlainSession) and client.session.is_onlooker,
            )
            for client in self._sockets
            if isinstance(client.session, PlainSession | RemoteSession)
        )
        return NetworkHealth(clients, self._cut_off)


def _subprotocol(head: Head) -> str | None:
    """Return the best version of our own words that the client speaks; `None` if it is a plain client."""
    offered = [one.strip(" \t") for one in head.headers.get("sec-websocket-protocol", "").split(",")]
    return next((one for one in SUBPROTOCOLS if one in offered), None)


def _is_hex(text: str) -> bool:
    return len(text) % 2 == 0 and len(text) <= MAX_PROOF and set(text) <= set("0123456789abcdef")


def _where(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
