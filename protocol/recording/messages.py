"""Records of messages that follow each other, in columns: a replay plays them by the thousand, and makes no object of
each that it has no use for.
"""

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from websocket_v6.protocol.errors import RecordingError
from websocket_v6.protocol.fast import rows as read_rows
from websocket_v6.protocol.limits import DOOR_ROWS, LEARNED_STREAMS, STREAM_CHARACTERS

from .records import Record, Rows, decode_record

__all__ = ["Messages", "Piece", "count_of", "decode_pieces", "first_ns", "join", "last_ns", "records_of"]

_WIDTHS: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4}  # bytes of the length, by the head of a bin
_known: Final[dict[str, str]] = {}  # streams that were read: one object for each


class Messages:
    """Records of Rows without marks. A column of messages, `streams` or `payloads`, or one of records.

    `counts` says how many messages each record has.
    """

    __slots__ = ("columns", "counts", "epochs", "monos", "payloads", "received", "streams")

    def __init__(self) -> None:
        self.streams: list[str] = []
        self.payloads: list[bytes] = []
        self.counts: list[int] = []
        self.monos: list[int] = []
        self.epochs: list[int] = []
        self.received: list[int] = []
        self.columns = self.streams, self.payloads, self.counts, self.monos, self.epochs, self.received

    def __len__(self) -> int:
        return len(self.counts)

    def add(self, mono_ns: int, rows: Rows) -> None:
        """Put one more record behind them."""
        self.streams += [_known.setdefault(stream, stream) for stream in rows.streams]
        self.payloads += rows.payloads
        self.counts.append(len(rows.streams))
        self.monos.append(mono_ns)
        self.epochs.append(rows.epoch)
        self.received.append(rows.received_ns)

    def extend(self, others: "Messages") -> None:
        """Put others behind them."""
        for column, more in zip(self.columns, others.columns, strict=True):
            column += more  # type: ignore[operator]

    def shorten(self, records: int, rows: int) -> None:
        """Forget all but the first records, and their messages."""
        for column in self.columns[:2]:
            del column[rows:]
        for numbers in self.columns[2:]:
            del numbers[records:]

    def record(self, place: int, row: int) -> Record:
        """Return a record, whose first message is the one at `row`."""
        end = row + self.counts[place]
        rows = Rows(self.epochs[place], self.received[place], 0, self.streams[row:end], self.payloads[row:end])
        return Record(self.monos[place], rows)

    def records(self) -> Iterator[Record]:
        """Yield all of them."""
        row = 0
        for place, count in enumerate(self.counts):
            yield self.record(place, row)
            row += count


Piece: TypeAlias = Record | Messages


def count_of(piece: Piece) -> int:
    """Return how many records a piece has."""
    return len(piece) if isinstance(piece, Messages) else 1


def first_ns(piece: Piece) -> int:
    """Return when its first record is, by the recording machine's monotonic clock."""
    return piece.monos[0] if isinstance(piece, Messages) else piece.mono_ns


def last_ns(piece: Piece) -> int:
    """Return the same of its last record."""
    return piece.monos[-1] if isinstance(piece, Messages) else piece.mono_ns


def records_of(pieces: Iterable[Piece]) -> Iterator[Record]:
    """Yield the records of pieces, one by one."""
    for piece in pieces:
        if isinstance(piece, Messages):
            yield from piece.records()
        else:
            yield piece


def decode_pieces(data: bytes, pieces: list[Piece]) -> None:
    """Put the records in a piece of a frame behind `pieces`; those of kinds that are not known are left out.

    Raises:
        RecordingError: if it holds anything else. Then all is as it was.
    """
    count = len(pieces)
    last = pieces[-1] if count and isinstance(pieces[-1], Messages) else Messages()
    records, rows = len(last), len(last.streams)
    if len(_known) > LEARNED_STREAMS:
        _known.clear()
    try:
        _decode(data, pieces, last)
    except BaseException:
        del pieces[count:]
        last.shorten(records, rows)
        raise


def _decode(data: bytes, pieces: list[Piece], last: Messages) -> None:
    position, end = 0, len(data)
    is_new = not last
    while position < end:
        if read_rows is not None:
            position = read_rows(data, position, last.columns, _known, DOOR_ROWS, STREAM_CHARACTERS)
            if position == end:
                break
        width = _WIDTHS.get(data[position])
        if width is None:
            raise RecordingError(f"0x{data[position]:02x} in place of a record")
        begin = position + 1 + width
        position = begin + int.from_bytes(data[position + 1 : begin], "big")
        if position > end:
            raise RecordingError("a record is cut off")
        record = decode_record(data[begin:position])
        if record is None:
            continue
        if type(rows := record.value) is Rows and not rows.marks:
            last.add(record.mono_ns, rows)
            continue
        if last and is_new:
            pieces.append(last)
        if last:
            last, is_new = Messages(), True
        pieces.append(record)
    if last and is_new:
        pieces.append(last)


def join(pieces: list[Piece], more: list[Piece]) -> None:
    """Put more of them behind pieces that they follow."""
    if pieces and more and isinstance(before := pieces[-1], Messages) and isinstance(more[0], Messages):
        before.extend(more[0])
        more = more[1:]
    pieces += more
