"""The records that were read and are yet to be played."""

from collections import deque

from websocket_v6.protocol.recording.messages import Messages, Piece, count_of
from websocket_v6.protocol.recording.records import Record

__all__ = ["Reel"]


class Reel:
    """Pieces of a recording, one after the other; the next record is at `place` of the first, its messages at `row`.

    A piece stays as it is until all of it is played, so somebody else may look at it meanwhile.
    """

    def __init__(self) -> None:
        self.place = self.row = 0
        self._pieces: deque[Piece] = deque()
        self._count = 0  # records

    def __len__(self) -> int:
        return self._count

    def add(self, pieces: list[Piece]) -> None:
        """Take more."""
        self._pieces += pieces
        self._count += sum(map(count_of, pieces))

    @property
    def messages(self) -> Messages | None:
        """What the next record is one of; None if it stands alone. There must be one."""
        piece = self._pieces[0]
        return piece if isinstance(piece, Messages) else None

    def peek(self) -> Piece | None:
        """Return the piece that the next record is in; None if there is none."""
        return self._pieces[0] if self._pieces else None

    @property
    def next_ns(self) -> int:
        """When the next record is, by the recording's clock; there must be one."""
        piece = self._pieces[0]
        return piece.monos[self.place] if isinstance(piece, Messages) else piece.mono_ns

    def pop(self) -> Record:
        """Return the next record, and go on; there must be one."""
        piece = self._pieces[0]
        record = piece.record(self.place, self.row) if isinstance(piece, Messages) else piece
        self.skip(1, piece.counts[self.place] if isinstance(piece, Messages) else 0)
        return record

    def skip(self, records: int, rows: int) -> None:
        """Go on by so many records of the piece, with so many messages."""
        self._count -= records
        self.place += records
        self.row += rows
        if self.place == count_of(self._pieces[0]):
            self._pieces.popleft()
            self.place = self.row = 0
