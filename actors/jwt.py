"""The keys of the account, and the tokens made of them. No other actor ever sees a key."""

import hmac
import uuid
from typing import TYPE_CHECKING

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import AuthenticationError
from websocket_v6.protocol.exchange.tokens import Keys, make_proof, make_token
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.secret import Secret

from .base import Actor, Timer, tell
from .forks import no_fork
from .messages.common import Ref
from .messages.supervisor import Failed

if TYPE_CHECKING:
    from websocket_v6.protocol.server.bearer import Token

__all__ = [
    "GetDoorToken",
    "GetProof",
    "Grant",
    "HasKeys",
    "Judge",
    "JudgeProof",
    "Judged",
    "Jwt",
    "JwtInheritance",
    "Keys",
    "KeysReplaced",
    "KeysSettled",
    "Proof",
    "Prove",
    "Proved",
    "ReplaceKeys",
    "SignQuery",
    "TokenWanted",
]

RENEW_AT = 0.8  # of a token's lifetime


class TokenWanted(Message):
    """A token for one connection attempt, please. Asked; answered with a Grant, or fails with AuthenticationError."""


class SignQuery(Message):
    """A token for one try of a REST call with this query, not encoded. Asked; answered as TokenWanted is."""

    query: str


class Grant(Message):
    """A token, and the generation of the keys that it is made of: it counts from 1, and rises with each ReplaceKeys."""

    token: Secret
    generation: int


class HasKeys(Message):
    """Are there keys? Asked; answered with a bool."""


class ReplaceKeys(Message):
    """Use these keys from now on (live). Asked; answered once they are in use."""

    keys: Keys


class Prove(Message):
    """What shows who made this challenge that the keys here are its own? Answered at `to` (live) with Proved."""

    challenge: bytes
    to: Ref


class Proved(Message):
    """The answer to Prove: `make_proof`, empty without keys."""

    challenge: bytes
    proof: bytes


class GetProof(Message):
    """What shows another machine's door that the keys here are its own? Asked; answered with a Proof."""

    challenge: bytes


class Proof(Message):
    """What `make_proof` says, empty without keys, and the generation of the keys that it is made with."""

    proof: bytes
    generation: int


class GetDoorToken(Message):
    """The token of the other machine's host, please. Asked; answered with a Secret."""


class Judge(Message):
    """Is this token, which client `number` of a server has brought, one of these keys? Answered there with Judged."""

    number: int
    token: "Token"
    reply_to: Ref


class JudgeProof(Message):
    """Does this answer to a challenge, from client `number` of a server, show our keys? Answered with Judged, there."""

    number: int
    challenge: bytes
    proof: bytes
    reply_to: Ref


class Judged(Message):
    """The answer to Judge or JudgeProof."""

    number: int
    is_signed: bool


class KeysReplaced(Message):
    """The keys are of this generation now: connections made with older ones should be made again.

    An access key is one account's: with the same one and another secret, it is the same account.
    """

    generation: int
    is_other_account: bool = True
    secret: Secret | None = None  # where an account has a fleet, whose log is encrypted with what is derived from it


class KeysSettled(Message):
    """All that keys from before this generation brought has ended: who shows these may be served."""

    generation: int


class JwtInheritance(Message):
    """What a successor begins with (live): the keys may be others than those of the configuration."""

    keys: Keys | None
    generation: int


class Prepare(Message):
    """Have a token ready."""


class Renew(Message):
    """The token that is ready has grown old."""


class Jwt(Actor):
    """Hands out tokens, each of them once, and has the next one ready before it is asked for.

    Receives TokenWanted, GetProof and GetDoorToken from transports, SignQuery from who makes REST calls, HasKeys and
    ReplaceKeys from proxies, Prove from the membership, Judge and JudgeProof from servers, KeysSettled from `owner`.
    Sends KeysReplaced there. Another access key is another account's: who is judged by new keys waits until `owner` has
    ended what the old ones brought.
    """

    def __init__(self, *, config: Config, owner: Ref, inheritance: JwtInheritance | None = None) -> None:
        super().__init__()
        self._owner = owner
        self._algorithm = config.jwt_algorithm
        self._renew_after = RENEW_AT * config.token_lifetime
        left = inheritance or JwtInheritance(_keys_of(config), 1)
        self._keys, self._generation = left.keys, left.generation
        self._tells_secret = config.fleet is not None and config.fleet_private
        self._door_token = _secret(config.token)
        self._next: Secret | None = None
        self._renewal: Timer | None = None
        self._settled = self._generation
        self._unjudged: list[Judge | JudgeProof] = []  # who waits until the keys are settled

    def on_start(self) -> None:
        """Have the first token ready before a connection is."""
        self.after(0.0, Prepare())

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case TokenWanted():
                return self._hand_out()
            case SignQuery(query):
                return Grant(self._make(self._own_keys(), query), self._generation)
            case Prepare():
                self._prepare()
            case Renew():
                self._next = None
                self._prepare()
            case HasKeys():
                return self._keys is not None
            case Prove(challenge, to):
                tell(to, Proved(challenge, make_proof(self._keys, challenge)))
            case GetProof(challenge):
                return Proof(make_proof(self._keys, challenge), self._generation)
            case GetDoorToken():
                return self._door_token
            case Judge() | JudgeProof():
                self._judge(message) if self._settled == self._generation else self._unjudged.append(message)
            case KeysSettled(generation):
                self._settle(generation)
            case ReplaceKeys(keys):
                self._replace(keys)
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Forget the token; the keys stay for a successor."""
        self._next = None

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor, and leave the keys to the successor."""
        tell(self._owner, Failed("jwt", self.actor_ref, error, self.inheritance()))

    def inheritance(self) -> JwtInheritance:
        return JwtInheritance(self._keys, self._generation)

    def _own_keys(self) -> Keys:
        if self._keys is None:
            raise AuthenticationError("no API keys: set UPBIT_ACCESS_KEY and UPBIT_SECRET_KEY, or call set_keys")
        return self._keys

    def _hand_out(self) -> Grant:
        token = self._next or self._make(self._own_keys())
        self._next = None
        # The next one is made once this one is on its way: nobody waits for it.
        self.after(0.0, Prepare())
        return Grant(token, self._generation)

    def _prepare(self) -> None:
        if self._keys is None or self._next is not None:
            return
        self._next = self._make(self._keys)
        if self._renewal is not None:
            self._renewal.cancel()
        self._renewal = self.after(self._renew_after, Renew())

    def _make(self, keys: Keys, query: str = "") -> Secret:
        with no_fork():  # the first one imports what signs it
            return make_token(keys, str(uuid.uuid4()), self._algorithm, query)

    def _replace(self, keys: Keys) -> None:
        is_other_account = self._keys is None or self._keys.access_key != keys.access_key
        self._keys = keys
        self._generation += 1
        self._next = None
        secret = Secret(keys.secret_key) if self._tells_secret else None
        tell(self._owner, KeysReplaced(self._generation, is_other_account, secret))
        self._prepare()

    # --- whose keys are the same

    def _judge(self, message: Judge | JudgeProof) -> None:
        match message:
            case Judge(number, token, reply_to):
                with no_fork():
                    from websocket_v6.protocol.server.bearer import is_signed
                tell(reply_to, Judged(number, is_signed(token, self._keys)))
            case JudgeProof(number, challenge, proof, reply_to):
                own = make_proof(self._keys, challenge)
                tell(reply_to, Judged(number, bool(own) and hmac.compare_digest(own, proof)))

    def _settle(self, generation: int) -> None:
        self._settled = generation
        if generation == self._generation:  # else they were replaced once more
            unjudged, self._unjudged = self._unjudged, []
            for message in unjudged:
                self._judge(message)


def _keys_of(config: Config) -> Keys | None:
    access_key, secret_key = _secret(config.access_key), _secret(config.secret_key)
    return Keys(access_key.reveal(), secret_key.reveal()) if access_key and secret_key else None


def _secret(value: str | Secret | None) -> Secret:
    return value if isinstance(value, Secret) else Secret(value or "")
