"""`record`: what is delivered into a file; `recording`: what is in such a file."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from gettext import gettext as _
from pathlib import Path
from typing import NamedTuple, TextIO

import msgspec
from rich.console import Console
from rich.text import Text

from websocket_v6.exporting import export
from websocket_v6.importing import import_capture
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import RemoteProtocolError, TransportError, UnknownCodeError
from websocket_v6.protocol.exchange.wants import Want, candle_want, orderbook_want, ticker_want, trade_want
from websocket_v6.protocol.outside_text import printable
from websocket_v6.protocol.recording.finding import without_key_states
from websocket_v6.protocol.recording.reader import RecordingReader
from websocket_v6.protocol.recording.records import Hole, Listed, ListedMarket, Record, Rows, Standing, events_of
from websocket_v6.recording import Recording, read_recording
from websocket_v6.termination import Signals

from ..actors.recording.progress import Progress
from ..actors.recording.recorder import Rotation
from .quote import count_text
from .screen import PERIOD, Screen
from .steering import without_steering

__all__ = ["Rotation", "Span", "record", "show", "show_exported", "show_imported", "show_json", "wants_of"]


def wants_of(types: Sequence[str], codes: Sequence[str], interval: str) -> list[Want]:
    """Return what to record.

    Raises:
        LocalProtocolError: if a code is nonsense.
    """
    makers: dict[str, Callable[..., Want]] = {
        "ticker": ticker_want,
        "trade": trade_want,
        "orderbook": orderbook_want,
        "candle": partial(candle_want, interval=interval),
    }
    return [makers[type_](codes) for type_ in dict.fromkeys(types)]


def record(
    path: Path, wants: Sequence[Want], config: Config, console: Console, rotation: Rotation, seconds: float | None
) -> None:
    """Record until Ctrl-C, or for `seconds`.

    Raises:
        OSError: if the file is there already, or cannot be made.
        RecordingError: if it cannot be written any more.
        TransportError: if there was no connection in all that time.
        UnknownCodeError: if the exchange sent nothing of what was asked for.
    """
    end = None if seconds is None else time.monotonic() + seconds
    with Signals() as signals, Recording(path, wants, config, rotation) as recording, Screen(console) as screen:
        progress = recording.progress
        while (end is None or time.monotonic() < end) and progress.error is None:
            signals.look()
            text = _progress(path, progress)
            screen.show(partial(Text, text), partial(list, [text]))
            time.sleep(PERIOD)
        signals.end()
    if progress.error is not None:
        raise progress.error
    screen.say(_progress(path, progress))
    if not progress.messages:
        if progress.failed:
            raise UnknownCodeError(next(iter(progress.failed.values())), codes=progress.failed)
        raise TransportError(
            _("nothing came from {url} in the time given: what was recorded is that alone").format(url=config.url)
        )


def _progress(path: Path, progress: Progress) -> str:
    parts = [
        _("{path}: {messages}, {size:,.2f} MB").format(
            path=path, messages=count_text(progress.messages, _("message"), _("messages")), size=progress.size / 1e6
        ),
        *([count_text(progress.files, _("file"), _("files"))] if progress.files > 1 else []),
        *(f"{endpoint} {state}" for endpoint, state in progress.states.items()),
        *(
            [
                _("{dropped} missing, the disk is too slow").format(
                    dropped=count_text(progress.dropped, _("message"), _("messages"))
                )
            ]
            if progress.dropped
            else []
        ),
        *([_("not served: {failed}").format(failed=", ".join(progress.failed))] if progress.failed else []),
    ]
    return ", ".join(parts)


class Span(NamedTuple):
    """What of a recording is shown, by the time at which it was received; Unix nanoseconds."""

    from_ns: int | None = None
    until_ns: int | None = None

    def __contains__(self, at_ns: object) -> bool:
        if not isinstance(at_ns, int):
            return False
        return (self.from_ns or 0) <= at_ns and (self.until_ns is None or at_ns < self.until_ns)


def show_json(path: Path, span: Span, out: TextIO) -> None:
    """Write one JSON object a line for each event, change of a connection, list of markets and hole, in their order.

    Raises:
        OSError: if the file cannot be read.
        RecordingError: if it is no recording.
    """
    reader = RecordingReader()
    for one in without_key_states(read_recording(path, reader)):
        out.writelines(without_steering(line) + "\n" for line in _lines(one, span))
    ending = reader.ending
    if ending is not None and not ending.is_whole:
        out.write(msgspec.json.encode({"type": "cut_off", "unread_bytes": ending.unread}).decode() + "\n")


def _lines(record: Record, span: Span) -> Iterator[str]:
    value = record.value
    if isinstance(value, Rows) and value.received_ns in span:
        for event in events_of(value):
            try:
                yield event.json()
            except RemoteProtocolError as error:
                yield msgspec.json.encode({"type": "malformed", "stream": event.stream, "why": str(error)}).decode()
    elif isinstance(value, Standing) and value.at_ns in span:
        yield msgspec.json.encode({"type": "connection"} | _fields(value)).decode()
    elif isinstance(value, Hole) and value.from_ns in span:
        yield msgspec.json.encode({"type": "hole"} | _fields(value)).decode()
    elif isinstance(value, Listed) and value.listed_ns in span:
        markets = [_fields(one) for one in value.markets]
        yield msgspec.json.encode({"type": "markets"} | _fields(value) | {"markets": markets}).decode()


def _fields(value: Standing | Hole | Listed | ListedMarket) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


def show(path: Path, console: Console) -> None:
    """Say what is in a recording.

    Raises:
        OSError: if the file cannot be read.
        RecordingError: if it is no recording.
    """
    reader = RecordingReader()
    counts: dict[str, int] = {}
    first = last = holes = gaps = 0
    for one in without_key_states(read_recording(path, reader)):
        match one.value:
            case Rows(received_ns=received_ns, streams=streams):
                first, last = first or received_ns, max(last, received_ns)
                for stream in streams:
                    counts[stream] = counts.get(stream, 0) + 1
            case Hole():
                holes += 1
            case Standing(state="open", gap_started_ns=int()):
                gaps += 1
    header, ending = reader.header, reader.ending
    if header is None or ending is None:
        return
    total = sum(counts.values())
    lines = [
        _("{path}: {host}, recorded by version {engine}").format(
            path=path, host=printable(f"{header.host} ({header.region})"), engine=printable(header.engine)
        ),
        _("from {first} to {last}").format(first=_moment(first), last=_moment(last)) if total else _("no message"),
        _("{total} in {size:,.2f} MB, {gaps}").format(
            total=count_text(total, _("message"), _("messages")),
            size=path.stat().st_size / 1e6,
            gaps=count_text(gaps, _("gap"), _("gaps")),
        ),
        *(f"  {count:>12,}  {printable(stream)}" for stream, count in sorted(counts.items())),
        *(
            [_("{holes}: something is missing there").format(holes=count_text(holes, _("hole"), _("holes")))]
            if holes
            else []
        ),
        _("it was ended in order")
        if ending.is_whole
        else _("it ends without an index, {unread:,} bytes unread").format(unread=ending.unread),
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def show_exported(path: Path, folder: Path, format_: str, numbers: str, span: Span, console: Console) -> None:
    """Write a recording for other programs, and say what was written; raises what `export` does."""
    exported = export(path, folder, format_, numbers=numbers, contains=span.__contains__)  # type: ignore[arg-type]
    for file, rows in exported.rows.items():
        line = f"{file}: {count_text(rows, _('row'), _('rows'))}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if exported.malformed:
        malformed = count_text(exported.malformed, _("message"), _("messages"))
        console.print(_("{malformed} could not be decoded").format(malformed=malformed), highlight=False)


def show_imported(source: Path, path: Path, console: Console) -> None:
    """Make a recording of another program's, and say what it has and lacks; raises what `import_capture` does."""
    imported = import_capture(source, path)
    lines = [
        _("{path}: {messages} of {streams}, {gaps}; {others} hold no data").format(
            path=path,
            messages=count_text(imported.messages, _("message"), _("messages")),
            streams=count_text(len(imported.streams), _("stream"), _("streams")),
            gaps=count_text(imported.gaps, _("gap"), _("gaps")),
            others=count_text(imported.others, _("line"), _("lines")),
        ),
        imported.lacks,
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _moment(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(sep=" ", timespec="milliseconds")
