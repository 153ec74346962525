"""The way to an open connection through a door: of another process of this machine, or of another machine's host."""

from websocket_v6.actors.dialing.attempt import Attempt
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import SUBPROTOCOLS
from websocket_v6.protocol.connection.target import DOOR_PATHS, Target
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.websocket import deflate, handshake
from websocket_v6.protocol.websocket.client_handshake import Answer

from .door_handshake import open_door
from .opening import Opening
from .remote_handshake import challenge_of, remedy, remote_headers

__all__ = ["DoorOpening", "RemoteOpening"]

DOOR_TIMEOUT = 5.0  # seconds for another process of this machine to let this one in


class DoorOpening(Opening):
    """One attempt to have another process of this machine let this one in."""

    def __init__(self, endpoint: str, target: Target, config: Config, jwt: Ref) -> None:
        super().__init__(endpoint, target, config, jwt)
        self._attempt = Attempt(min(DOOR_TIMEOUT, config.connect_timeout))

    def _connect(self) -> deflate.Agreement | None:
        assert self._target.door is not None
        open_door(self.ws, self._target.door, DOOR_PATHS[self._endpoint], attempt=self._attempt)
        self._check_abort()
        return None


class RemoteOpening(Opening):
    """One attempt to have another machine's host let this one in, which may ask for a proof of the keys."""

    subprotocols = SUBPROTOCOLS

    def __init__(self, endpoint: str, target: Target, config: Config, jwt: Ref) -> None:
        super().__init__(endpoint, target, config, jwt)
        self._may_be_challenged = target.needs_keys

    def _credentials(self) -> dict[str, str]:
        return remote_headers(self._jwt).headers

    def _refused(self, headers: dict[str, str], answer: Answer, body: bytes) -> Answer:
        challenge = challenge_of(answer) if self._may_be_challenged else ""
        if not challenge:
            raise self._refusal(answer, body)
        self._may_be_challenged = False
        self._hang_up()
        answering = remote_headers(self._jwt, challenge)
        self.keys = answering.keys
        return self._ask(headers | answering.headers)

    def _open(self, answer: Answer, key: str) -> deflate.Agreement | None:
        if not answer.headers.get("sec-websocket-protocol"):
            handshake.check_response(answer.headers, key=key, subprotocols=self.subprotocols)  # which may say more
            where = self._target.url
            raise TransportError(f"{where} is no door of a host that this one understands: look at its version and url")
        return super()._open(answer, key)

    def _refusal(self, answer: Answer, body: bytes) -> WebSocketV6Error:
        why = remedy(answer.status, answer.headers) or handshake.refusal(answer.status, answer.headers, body)
        return TransportError(f"the door {self._target.url} answered HTTP {answer.status}: {why}")
