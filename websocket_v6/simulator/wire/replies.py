"""HTTP answers: refused handshakes and REST calls."""

from http import HTTPStatus
from typing import NamedTuple

from ..market.wording import compact

__all__ = ["Reply", "error_reply"]

_Pairs = tuple[tuple[str, str], ...]


class Reply(NamedTuple):
    """One HTTP answer."""

    status: int
    body: bytes
    headers: _Pairs = ()

    @property
    def reason(self) -> str:
        return HTTPStatus(self.status).phrase


def error_reply(status: int, name: str | int, message: str, headers: _Pairs = ()) -> Reply:
    """Return an error in the exchange's form; quotation calls have the status as its name."""
    return Reply(status, compact({"error": {"name": name, "message": message}}).encode(), headers)
