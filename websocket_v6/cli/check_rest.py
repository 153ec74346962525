"""What `doctor` learns over REST: the clock, the limits, the keys and what they may.

One call for everybody's data, three for an account's; each says by the header Remaining-Req what is left of its group.

Source: Upbit REST reference, "Rate limits", "List API keys", "List balances", "List open orders", "Error codes";
RFC 9110, section 5.6.7 (dates, to the second).
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from gettext import gettext as _
from typing import Any
from uuid import uuid4

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import AuthenticationError, TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.tokens import Keys, make_token
from websocket_v6.protocol.outside_text import outside_text
from websocket_v6.protocol.secret import Secret
from websocket_v6.protocol.websocket.handshake import refusal

from .finding import Finding, failed, ok, skipped, warning
from .rest_calls import Reply, RestCalls

__all__ = ["KeyChecks", "check_clock", "check_rest", "left", "limits", "markets_of"]

CLOCK_WARNING = 2.0  # seconds; a date says whole ones
EXPIRY_WARNING = 14.0  # days
_REMAINING = re.compile(r"group=([\w-]{1,40}).*?\bsec=(\d{1,9})")
_NETWORK = _("see what the lines above say of name, proxy and connection; a firewall may let in WebSocket alone")


def check_rest(config: Config, reply: Reply | WebSocketV6Error) -> Finding:
    """Say whether REST answers, given what was answered for the list of markets."""
    if not isinstance(reply, Reply):
        return failed("rest", str(reply), _NETWORK)
    if reply.status == 404:
        todo = _(
            "nothing, if this is the door of a host; else look at the URL. Missed trades are not fetched from there"
        )
        return warning("rest", _("{rest_base} has no REST calls").format(rest_base=config.rest_base), todo)
    if reply.status != 200:
        error = refusal(reply.status, reply.headers, reply.body)
        return failed("rest", str(error), _("wait as it says; other programs of this address count too"))
    return ok(
        "rest",
        _("{rest_base} answers within {seconds:.0f} ms").format(
            rest_base=config.rest_base, seconds=reply.seconds * 1e3
        ),
    )


def check_clock(reply: Reply) -> Finding:
    """Hold this machine's clock against the exchange's."""
    try:
        theirs = parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return skipped("clock", _("the exchange did not say what time it is"))
    offset = reply.at - (theirs + 0.5)  # it says whole seconds
    uncertain = 0.5 + reply.seconds / 2
    if abs(offset) <= max(CLOCK_WARNING, uncertain + 1):
        return ok("clock", _("within {offset:.1f} s of the exchange's").format(offset=abs(offset) + uncertain))
    return warning(
        "clock",
        _("{offset:.1f} s {which} the exchange's (to within {uncertain:.1f} s)").format(
            offset=abs(offset), which=_("ahead of") if offset > 0 else _("behind"), uncertain=uncertain
        ),
        _("delays and times of gaps are wrong by that (tokens are not): have it set, as by `timedatectl set-ntp true`"),
    )


def left(headers: Mapping[str, str]) -> tuple[str, int] | None:
    """Return a group of calls and how many of it are left this second, as Remaining-Req says it."""
    found = _REMAINING.search(headers.get("remaining-req", ""))
    return None if found is None else (found[1], int(found[2]))


def limits(found: Mapping[str, int]) -> Finding:
    """Say what is left of each group."""
    if not found:
        return skipped("limits", _("nothing that answered said what is left (Remaining-Req)"))
    text = _("left in this second: {counts}").format(
        counts=", ".join(f"{group} {count}" for group, count in sorted(found.items()))
    )
    if low := [group for group, count in found.items() if count == 0]:
        return warning(
            "limits",
            text,
            _("other programs of this address or account use up {low}: let them ask less often").format(
                low=", ".join(sorted(low))
            ),
        )
    return ok("limits", text)


class _NoSuchCall(TransportError):  # noqa: N818 - what is the case, not what went wrong
    """The exchange has no such call."""


class KeyChecks:
    """The questions about an account's keys; `left` is what they used up."""

    def __init__(self, config: Config, calls: RestCalls) -> None:
        self.left: dict[str, int] = {}
        self._config = config
        self._calls = calls

    def findings(self) -> Iterator[Finding]:
        """Look whether the keys are good, for how long, and for what."""
        config = self._config
        if not isinstance(config.access_key, Secret) or not isinstance(config.secret_key, Secret):
            yield skipped("keys", _("there are none: public data only"))
            return
        try:
            reply = self._ask("/v1/api_keys")
        except _NoSuchCall:  # not in every region
            yield skipped("keys", _("the exchange has no call that says until when they are good"))
        except WebSocketV6Error as error:
            yield failed("keys", str(error), _remedy(error))
            return
        else:
            yield self._expiry(reply, config.access_key)
        yield self._permission("orders", "/v1/orders/open", "my_order", _("view orders"))
        yield self._permission("assets", "/v1/accounts", "my_asset", _("view assets"))

    def _ask(self, path: str) -> Reply:
        """Ask as the account.

        Raises:
            WebSocketV6Error: if it is refused, or not answered.
        """
        keys, config = self._config, self._config
        assert isinstance(keys.access_key, Secret)
        assert isinstance(keys.secret_key, Secret)
        pair = Keys(keys.access_key.reveal(), keys.secret_key.reveal())
        token = make_token(pair, str(uuid4()), config.jwt_algorithm)
        reply = self._calls.get(path, token)
        if (found := left(reply.headers)) is not None:
            self.left[found[0]] = found[1]
        if reply.status == 404:
            raise _NoSuchCall(_("there is no {path}").format(path=path))
        if reply.status != 200:
            body = reply.body.replace(token.reveal().encode(), b"<cut>")
            raise refusal(reply.status, reply.headers, body)
        return reply

    def _expiry(self, reply: Reply, access_key: Secret) -> Finding:
        until = _expiry(reply.body, access_key)
        if until is None:
            return ok("keys", _("the exchange takes them"))
        days = (until - datetime.now(UTC)).total_seconds() / 86_400
        text = _("the exchange takes them, until {until:%Y-%m-%d}").format(until=until)
        if days < EXPIRY_WARNING:
            return warning(
                "keys",
                _("{text}, {days:.0f} days").format(text=text, days=days),
                _("make new ones on the exchange's Open API page in time"),
            )
        return ok("keys", text)

    def _permission(self, name: str, path: str, type_: str, words: str) -> Finding:
        try:
            self._ask(path)
        except AuthenticationError as error:
            todo = _('give the key "{words}" on the exchange\'s Open API page if you use subscribe_{type}').format(
                words=words, type=type_
            )
            return warning(f"permission {name}", str(error), todo)
        except WebSocketV6Error as error:
            return warning(
                f"permission {name}", _("not known: {error}").format(error=error), _("run it again a little later")
            )
        return ok(f"permission {name}", _('"{words}" is granted').format(words=words))


def _remedy(error: WebSocketV6Error) -> str:
    if isinstance(error, AuthenticationError):
        return _("look at UPBIT_ACCESS_KEY and UPBIT_SECRET_KEY, and at the key on the exchange's Open API page")
    return _NETWORK if isinstance(error, TransportError) else _("run it again a little later")


def _expiry(body: bytes, access_key: Secret) -> datetime | None:
    try:
        rows: Any = json.loads(body)
        (row,) = (one for one in rows if access_key == one["access_key"])
        until = datetime.fromisoformat(row["expire_at"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return until if until.tzinfo is not None else None


def markets_of(reply: Reply) -> list[str]:
    """Return the codes of a list of markets; none if it is no such list."""
    try:
        return [outside_text(one["market"], 40) for one in json.loads(reply.body)]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
