"""What earlier attempts teach the next one: how long to wait, and which keys are not worth another.

Keys have a *generation*: it counts how often they were replaced. Each attempt says which one it used, so that a refusal
of old keys is never taken for one of the new.
"""

from collections.abc import Callable

from websocket_v6.protocol.errors import AuthenticationError, ExchangeError, TransportError, WebSocketV6Error
from websocket_v6.protocol.message import Message

from .backoff import Backoff, block_of

__all__ = ["Attempts", "Setback", "error_of"]

# Keys the exchange refused stay refused until someone does something; asking rarely finds out.
REFUSED_RETRY = 60.0
REFUSED_RETRY_MAX = 600.0
# Refusals that a fresh token may cure.
PASSING_REFUSALS = ("nonce_used",)
# In-band error names that speak of the keys, not of the request.
AUTH_ERRORS = ("INVALID_AUTH",)


class Setback(Message):
    """What follows from a failure: seconds to wait, and for which no connection of the process may connect."""

    error: WebSocketV6Error  # as it is told
    is_refusal: bool
    wait: float
    block: float | None = None


class Attempts:
    """Counts failures and refusals in a row. `random` returns floats in [0, 1)."""

    def __init__(
        self,
        initial: float,
        maximum: float,
        random: Callable[[], float],
        failures: int = 0,
        refusals: int = 0,
        keys: int = 0,
    ) -> None:
        self._backoff = Backoff(initial, maximum, random, failures)
        self.refusals = refusals
        self.known_keys = keys  # the newest generation
        self.used_keys = 0  # by the last attempt, as far as it has said
        self._hurried_for = 0  # the generation for which a refusal was not waited out

    @property
    def failures(self) -> int:
        """How many there were in a row."""
        return self._backoff.failures

    @property
    def are_keys_old(self) -> bool:
        """Whether newer keys are known than those in use."""
        return self.used_keys < self.known_keys

    def begin(self) -> None:
        """Begin an attempt; which keys it uses is not known yet."""
        self.used_keys = 0

    def learn(self, generation: int) -> None:
        """Note that there are keys of this generation: other keys change everything."""
        if generation > self.known_keys:
            self.known_keys = generation
            self.refusals = 0

    def use(self, generation: int) -> None:
        """Note which keys the attempt has used."""
        self.learn(generation)
        self.used_keys = generation

    def succeeded(self) -> None:
        """Start over: the connection has proved itself."""
        self._backoff.succeeded()
        self.refusals = 0

    def failed(self, error: WebSocketV6Error) -> Setback:
        """Note a failure and return what follows from it."""
        if isinstance(error, AuthenticationError) and error.name in PASSING_REFUSALS:
            error = TransportError(str(error))
        if not isinstance(error, AuthenticationError):
            return Setback(error, False, self._backoff.failed(error), block_of(error))
        if self.hurry():
            return Setback(error, True, 0.0)
        wait = min(REFUSED_RETRY_MAX, REFUSED_RETRY * 2.0 ** min(self.refusals, 32))
        self.refusals += 1
        return Setback(error, True, wait)

    def hurry(self) -> bool:
        """Whether keys are known that were not refused yet; once for each, should it be wrong about that."""
        if self.known_keys <= max(self.used_keys, self._hurried_for):
            return False
        self._hurried_for = self.known_keys
        return True


def error_of(name: str, text: str, connection: str, *, needs_keys: bool) -> WebSocketV6Error:
    """Return what an error object stands for that `connection` (its name, in words) was sent."""
    if name in AUTH_ERRORS and needs_keys:
        return AuthenticationError(
            f"the exchange refused the keys of the {connection}: {name}, {text}; "
            "check the access key, its permissions, its expiry and its allowed addresses",
            name=name,
        )
    return ExchangeError(name, text)
