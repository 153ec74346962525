"""What `watch` shows: which picture suits what is watched and the terminal, its foot, and what keys change."""

from collections.abc import Sequence
from gettext import gettext as _
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.events import Event

from .board import Row
from .drawing import Palette
from .language import palette
from .quote import count_text
from .watch_chart import Chart
from .watch_ladder import LEAST_WIDTH, ladders
from .watch_table import SORTS, market_table, sort_name, sorted_rows
from .watch_tape import Tape

__all__ = ["Look", "View"]


class Look(NamedTuple):
    """How it is to be shown. `offset` is the first row of a table."""

    width: int = 80
    height: int = 24
    sort: str = SORTS[0]
    offset: int = 0
    is_paused: bool = False
    has_keys: bool = False
    has_colour: bool = True


class View:
    """The pictures of one subscription. `take` is called by callbacks, the rest by one thread."""

    def __init__(self, type_: str, codes: Sequence[str], interval: str) -> None:
        self._type = type_
        self._name = f"{type_}.{interval}" if type_ == "candle" else type_
        self._tape = Tape() if type_ == "trade" else None
        self._chart = Chart(codes[0], interval) if type_ == "candle" and len(codes) == 1 else None

    def take(self, event: Event) -> None:
        """Note an event."""
        if self._tape is not None:
            self._tape.take(event)
        if self._chart is not None:
            self._chart.take(event)

    def begin(self, config: Config) -> None:
        """Ask for what a picture begins with."""
        if self._chart is not None:
            self._chart.begin(config)

    def picture(self, rows: Sequence[Row], foot: Text, look: Look) -> RenderableType:
        """Return the whole picture."""
        colours = palette()
        room = max(3, look.height - len(foot.plain.splitlines()) - 1)
        return Group(self._body(rows, look, room, colours), Text(), foot)

    def _body(self, rows: Sequence[Row], look: Look, room: int, colours: Palette) -> RenderableType:
        if self._chart is not None and not (rows and rows[0].is_unknown):
            return self._chart.picture(look.width, room, colours, has_colour=look.has_colour)
        if self._tape is not None:
            return self._tape.picture(rows, look.width, room, colours)
        if not self._is_table(rows, look):
            return ladders(rows, look.width, room, colours)
        ordered = sorted_rows(rows, look.sort)
        return market_table(self._type, ordered, look.width, room, look.offset, colours)

    def _is_table(self, rows: Sequence[Row], look: Look) -> bool:
        """Whether each market is a line. A few books have room for all their levels."""
        if self._type == "orderbook":
            return len(rows) * (LEAST_WIDTH + 3) > look.width + 3
        return self._chart is None and self._tape is None

    def foot(self, rows: Sequence[Row], connection: str, dropped: int, look: Look) -> Text:
        """Return what stands below: the connection, the counts, the keys."""
        text = Text(f"{self._name}: {connection}\n", no_wrap=True, overflow="ellipsis")
        counts = count_text(sum(row.events for row in rows), _("event"), _("events"))
        text.append(_("{counts}, {dropped:,} dropped").format(counts=counts, dropped=dropped))
        is_table = self._is_table(rows, look)
        if is_table and len(rows) > 1:
            at = min(look.offset, len(rows) - 1) + 1
            text.append(", " + _("from market {at} of {count}").format(at=at, count=len(rows)))
        if look.is_paused:
            text.append(f"  {_('PAUSED')}", style="bold yellow")
        text.append("\n" + "  ".join(self._keys(look, is_table=is_table)), style="dim")
        return text

    def _keys(self, look: Look, *, is_table: bool) -> list[str]:
        if not look.has_keys:
            return [_("Ctrl-C ends it.")]
        keys = [_("q quit"), _("p go on") if look.is_paused else _("p pause")]
        if is_table:
            keys += [_("s sort: {name}").format(name=sort_name(look.sort)), _("↑↓ move")]
        return keys

    def turned(self, look: Look, key: str, rows: int) -> Look:
        """Return how it is to be shown after a key."""
        step = {"up": -1, "down": 1, "k": -1, "j": 1, "page up": -10, "page down": 10, "home": -rows, "end": rows}
        match key:
            case "s":
                return look._replace(sort=SORTS[(SORTS.index(look.sort) + 1) % len(SORTS)], offset=0)
            case "p" | " ":
                return look._replace(is_paused=not look.is_paused)
            case _key if _key in step:
                return look._replace(offset=min(max(0, look.offset + step[_key]), max(0, rows - 1)))
            case _other:
                return look
