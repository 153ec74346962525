"""Asks the exchange about the account: own orders and balances, one call at a time, far below the account's limit.

What to ask, and what the answers come to, is decided in `protocol/gaps/inquiry.py`. How calls are made is
`rest_asker.py`; the router says what is known, and holds live messages back meanwhile
(`actors/delivery/reconciling.py`). Orders go before balances: nobody's orders wait for those.
"""

import time
from email.utils import parsedate_to_datetime

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.router import AccountAnswer
from websocket_v6.actors.messages.supervisor import Failed
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.steps import Answer, Inquire, OrderEnded
from websocket_v6.protocol.errors import (
    AuthenticationError,
    RateLimitedError,
    RemoteProtocolError,
    TransportError,
    WebSocketV6Error,
)
from websocket_v6.protocol.gaps.account_pace import AccountPace
from websocket_v6.protocol.gaps.inquiry import Inquiry
from websocket_v6.protocol.websocket.handshake import refusal

from .rest_asker import RestAsker
from .rest_reader import Answered, Ask, Unanswered

__all__ = ["Reconciler"]

FIRST = ("myOrder", "myAsset")
TRIES = 3  # calls in a row without an answer, after which the router decides when to go on
ONE_TOO_MANY = 10  # and calls in a row that were refused with 429
SLACK_MS = 2_000  # by which two clocks may differ; answers name their time in whole seconds
PERMISSIONS = {"myOrder": "view orders", "myAsset": "view assets"}


class Reconciler(RestAsker[Ask]):
    """Makes the calls of one inquiry about orders and one about balances; a new one takes the place of the one before.

    Receives Inquire and OrderEnded from the router, Answered and Unanswered from its reader. Sends AccountAnswer to the
    router.
    """

    _pace: AccountPace

    def __init__(self, *, config: Config, jwt: Ref, router: Ref, supervisor: Ref) -> None:
        super().__init__(config, AccountPace(), jwt)
        self._router = router
        self._supervisor = supervisor
        self._inquiries: dict[str, Inquiry] = {}
        self._failures = 0  # calls in a row without an answer
        self._refusals = 0  # and such with 429
        self._has_used_nonce = False  # a token was refused as used: once more
        self._skew_ms = 0

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case Inquire(type_):
                self._inquiries[type_] = Inquiry(message, _now_ms(), self._skew_ms)
            case OrderEnded(number):
                inquiry = self._inquiries.get("myOrder")
                if inquiry is not None and inquiry.asked.number == number:
                    inquiry.ended()
            case Answered(Ask() as call):
                self._settle(call)
                self._answered(call, message)
            case Unanswered(Ask() as call, reason):
                self._settle(call)
                self._unanswered(call, reason)
            case _:
                return super().on_receive(message)
        self._ask_next()
        return None

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor; the router asks a successor what this one was asked."""
        tell(self._supervisor, Failed("reconciler", self.actor_ref, error))

    # --- calls

    def _is_idle(self) -> bool:
        return not self._inquiries

    def _next_call(self) -> Ask | None:
        """Return the call to make next: orders first, nobody's wait for balances."""
        inquiry = next(self._inquiries[type_] for type_ in FIRST if type_ in self._inquiries)
        if inquiry.call is None:
            raise LookupError("an inquiry that is over is answered at once")
        return Ask(inquiry.asked.type, inquiry.asked.number, inquiry.call)

    # --- answers

    def _answered(self, call: Ask, answer: Answered) -> None:
        now, status = time.monotonic(), answer.status
        self._pace.answered(now, answer.headers.get("remaining-req", ""))
        inquiry = self._inquiries.get(call.type)
        if status == 200:
            self._failures = self._refusals = 0
            self._has_used_nonce = False
        error = refusal(status, answer.headers, answer.body)
        if status in (418, 429):
            self._refused(call, error, status)
        elif status >= 500:
            self._unanswered(call, str(error))
        elif inquiry is None or inquiry.asked.number != call.number:
            return  # it is about what was asked before
        elif status == 200:
            self._take(call, inquiry, answer)
        elif status == 404 and call.call.path == "/v1/order":
            inquiry.not_found()
            self._go_on(call, inquiry)
        elif isinstance(error, AuthenticationError) and error.name == "nonce_used" and not self._has_used_nonce:
            self._has_used_nonce = True  # the next try has another
        else:
            self._give_up(call, _told(call, error), is_final=True)

    def _take(self, call: Ask, inquiry: Inquiry, answer: Answered) -> None:
        at_ms, inquiry.now_ms = _date_ms(answer.headers.get("date", "")), _now_ms()
        if at_ms:
            skew_ms = at_ms - inquiry.now_ms
            self._skew_ms = inquiry.skew_ms = 0 if abs(skew_ms) <= SLACK_MS else skew_ms
        try:
            inquiry.receive(answer.body, at_ms)
        except RemoteProtocolError as exc:
            self._give_up(call, exc)
            return
        self._go_on(call, inquiry)

    def _go_on(self, call: Ask, inquiry: Inquiry) -> None:
        if inquiry.call is None:
            del self._inquiries[call.type]
            tell(self._router, AccountAnswer(call.type, inquiry.answer()))

    def _refused(self, call: Ask, error: WebSocketV6Error, status: int) -> None:
        """Wait as the exchange asks; a block may last, so the router hears of it."""
        after = error.retry_after if isinstance(error, RateLimitedError) else None
        wait = self._pace.refused(time.monotonic(), status, after)
        self._refusals += 1
        if status == 418 or self._refusals >= ONE_TOO_MANY:
            self._refusals = 0
            text = f"too many REST calls with the keys of this account: HTTP {status}; make fewer, and wait {wait:g} s"
            self._give_up(call, RateLimitedError(text, status=status, retry_after=wait), retry_after=wait)

    def _unanswered(self, call: Ask, reason: str) -> None:
        self._failures += 1
        self._pace.failed(time.monotonic(), self._failures)
        if self._failures >= TRIES:
            self._failures = 0
            text = f"{call.call.what} cannot be asked for: no answer from {self._config.rest_base}: {reason}"
            self._give_up(call, TransportError(text))

    def _give_up(self, call: Ask, error: WebSocketV6Error, *, is_final: bool = False, retry_after: float = 0.0) -> None:
        inquiry = self._inquiries.get(call.type)
        if inquiry is not None and inquiry.asked.number == call.number:
            del self._inquiries[call.type]
            answer = Answer(call.number, error=error, is_final=is_final, retry_after=retry_after)
            tell(self._router, AccountAnswer(call.type, answer))


def _told(call: Ask, error: WebSocketV6Error) -> WebSocketV6Error:
    """Say who is concerned, and what to do."""
    if isinstance(error, AuthenticationError):
        text = (
            f"{call.type} is not reconciled after gaps, {call.call.what} may not be asked for: {error}; give the key "
            f"the permission to {PERMISSIONS[call.type]}, or subscribe without reconcile; live messages go on"
        )
        return AuthenticationError(text, name=error.name)
    return TransportError(f"{call.type} is not reconciled after gaps, {call.call.what} cannot be asked for: {error}")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _date_ms(text: str) -> int:
    """Return the time in a header, Unix milliseconds; 0 if it names none."""
    try:
        return int(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, OverflowError, TypeError):
        return 0
