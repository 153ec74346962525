"""The notice board: announcements, created and updated by hand.

Source: Upbit WebSocket reference, "announcement".
"""

import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone

from ..clock import Clock
from ..parts import Part
from .wording import Bulletin

__all__ = ["NoticeBoard"]

_KST = timezone(timedelta(hours=9))
_LARGE_BODY = 10_000  # characters; the exchange sends null for a body that is "large"


class NoticeBoard:
    """Notices by their uuid, which are digits."""

    def __init__(self, clock: Clock, publish: Callable[[Callable[[Part], Bulletin | None]], None]) -> None:
        """`publish` takes a maker of the message for a subscription, `None` if it is not for it."""
        self._clock = clock
        self._publish = publish
        self._numbers = itertools.count(700_100_200)
        self._notices: dict[str, dict[str, object]] = {}

    def announce(
        self, title: str, category: str = "notice", body: str | None = None, update_of: str | None = None
    ) -> str:
        """Publish a notice, or a new version of one, and return its uuid."""
        now = datetime.fromtimestamp(int(self._clock.now()), UTC).astimezone(_KST).isoformat()
        if update_of is None:
            uuid, event_type, first = str(next(self._numbers)), "CREATED", now
        elif update_of in self._notices:
            uuid, event_type, first = update_of, "UPDATED", str(self._notices[update_of]["first_listed_at"])
        else:
            raise ValueError(f"there is no notice {update_of!r} to update: announce() returns the uuid of each")
        notice: dict[str, object] = {
            "type": "announcement",
            "event_type": event_type,
            "uuid": uuid,
            "title": title,
            "category": category,
            "url": f"https://www.upbit.com/service_center/notice?id={uuid}&view=share",
            "first_listed_at": first,
            "listed_at": now,
            "timestamp": self._clock.now_ms(),
        }
        self._notices[uuid] = notice
        shown = None if body is not None and len(body) > _LARGE_BODY else body
        self._publish(lambda part: _for(part, notice, shown))
        return uuid


def _for(part: Part, notice: Mapping[str, object], body: str | None) -> Bulletin | None:
    if part.categories and notice["category"] not in part.categories:
        return None
    return Bulletin("announcement", "*", {**notice, "body": body} if part.include_body else notice)
