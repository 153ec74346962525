"""HTTP answers: refused handshakes and REST calls."""

from http import HTTPStatus
from typing import NamedTuple

from ..market.wording import compact
from .gate import Verdict

__all__ = ["QUOTA_TEXT", "Reply", "error_reply", "quota_reply"]

QUOTA_TEXT = b"Too many API requests."
_Pairs = tuple[tuple[str, str], ...]


class Reply(NamedTuple):
    """One HTTP answer."""

    status: int
    body: bytes
    headers: _Pairs = ()

    @property
    def reason(self) -> str:
        return HTTPStatus(self.status).phrase


def quota_reply(verdict: Verdict, label: str, *, retry_after: bool) -> Reply:
    """Answer 429, or 418 with the time of the block; `label` is `Remaining-Req` without its seconds."""
    remaining = ("Remaining-Req", f"{label}; sec=0")
    if verdict.status == 429:
        return error_reply(429, 429, QUOTA_TEXT.decode(), (remaining,))
    seconds = int(verdict.blocked_for) + 1
    headers = (remaining, ("Retry-After", str(seconds))) if retry_after else (remaining,)
    return error_reply(418, 418, f"Too many API requests, blocked for {seconds} seconds", headers)


def error_reply(status: int, name: str | int, message: str, headers: _Pairs = ()) -> Reply:
    """Return an error in the exchange's form; quotation calls have the status as its name."""
    return Reply(status, compact({"error": {"name": name, "message": message}}).encode(), headers)
