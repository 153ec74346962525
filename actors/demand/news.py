"""What the log says of an endpoint: that its connection is lost, how it goes on, that it is back, what is odd on it."""

import logging
import time

from websocket_v6.protocol.demand.commands import Tell
from websocket_v6.protocol.exchange.heads import ErrorNotice, Malformed
from websocket_v6.protocol.telling import Tellings

__all__ = ["News"]

logger = logging.getLogger(__name__)


class News:
    """Logs for one registry; nothing of it floods, however often it happens."""

    def __init__(self) -> None:
        self._tellings = Tellings()
        self._malformed: set[str] = set()  # kinds that were logged; they are only counted since

    def told(self, endpoint: str, told: Tell) -> None:
        """Note what components are told of an endpoint. That keys are refused is told to each subscription itself."""
        if told.lease is not None:
            return
        now = time.monotonic()
        match told.state:
            case "lost":
                failed = self._tellings.failed(endpoint, now)
                if failed:
                    after = "now" if told.retry_in is None else f"in {told.retry_in:.1f} s"
                    text = "no %s connection: %s%s; next attempt %s"
                    logger.warning(text, endpoint, told.reason or "it is lost", failed, after)
            case "open":
                over = self._tellings.over(endpoint, now)
                if over:
                    logger.warning(
                        "the %s connection is open again after %d failures in %.1f s%s",
                        endpoint,
                        over.times,
                        over.seconds,
                        "" if told.gap_started_ns is None else "; what was sent meanwhile may be missing",
                    )
                else:
                    logger.info("the %s connection is open", endpoint)
            case "closed":
                self._tellings.over(endpoint, now)

    def error(self, endpoint: str, notice: ErrorNotice) -> None:
        """Note that the exchange sent an error object."""
        failed = self._tellings.failed((endpoint, notice.name), time.monotonic())
        if failed:
            text = "the exchange answered on the %s connection: %s, %s%s"
            logger.warning(text, endpoint, notice.name, notice.text, failed)

    def malformed(self, endpoint: str, notice: Malformed) -> None:
        """Note a message that could not be read."""
        if notice.kind not in self._malformed:
            self._malformed.add(notice.kind)
            logger.warning("a malformed message (%s) was skipped on %s: %s", notice.kind, endpoint, notice.excerpt)
