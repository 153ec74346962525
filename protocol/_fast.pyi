from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Generic, TypeVar

from typing_extensions import Buffer

T = TypeVar("T")

def rows(
    data: bytes,
    start: int,
    columns: tuple[list[str], list[bytes], list[int], list[int], list[int], list[int]],
    known: dict[str, str],
    most: int,
    most_characters: int,
    /,
) -> int: ...
def scan(data: bytes, pos: int, messages: list[bytes], most_short: int, most: int, /) -> int: ...
def streams_of(
    messages: list[bytes],
    past_type: int,
    heads: dict[bytes, str],
    books: dict[bytes, dict[bytes, str]],
    no_level: bytes,
    /,
) -> list[str] | None: ...

class Decoded:
    def bind(self, values: Any, name: str, read: Callable[[Any, str], Any], /) -> None: ...

class Levels(Generic[T]):
    def __init__(
        self,
        unit: Callable[..., T],
        members: tuple[Any, ...],
        number: Callable[[str], Decimal],
        spelled: Callable[[str], Decimal],
        most: int,
        /,
    ) -> None: ...
    def read(self, data: Buffer, is_full: bool, most: int, market: str, /) -> tuple[T, ...] | None: ...

class Loader:
    def __init__(
        self, members: tuple[Any, ...], small: Decimal, large: Decimal, short_head: bytes, full_head: bytes, /
    ) -> None: ...
    def load(self, event: Any, /) -> bool: ...
    def call(
        self, events: Sequence[Any], start: int, mailbox: Any, callback: Callable[[Any], object], ready: Any, /
    ) -> tuple[int, object, BaseException | None]: ...

class Numbers:
    def __init__(self, exact: Callable[[str], Decimal], spelled: Callable[[str], Decimal], /) -> None: ...

class Picker:
    def __init__(
        self,
        message: Callable[..., Any],
        fields: tuple[tuple[bytes, str], ...],
        numbers: Numbers | None,
        raw: Callable[[bytes], Any],
        /,
    ) -> None: ...
    def pick(self, payload: bytes, /) -> Any: ...

class Plain:
    def __init__(self, members: tuple[Any, ...], snapshot: bytes, /) -> None: ...
    def deliver(
        self,
        streams: list[str],
        payloads: list[bytes],
        start: int,
        routes: dict[str, Any],
        received_at: int,
        epoch: int,
        touched: list[Any],
        /,
    ) -> tuple[int, int]: ...

class Player:
    def __init__(self, loader: Loader, members: tuple[Any, ...], event: type, small: int, /) -> None: ...
    def play(
        self,
        columns: tuple[list[str], list[bytes], list[int], list[int], list[int], list[int]],
        place: int,
        row: int,
        until_ns: int,
        ways: dict[str, Any],
        clock: Any,
        run: Any,
        turn: int,
        /,
    ) -> Iterator[tuple[Any, Any, object, BaseException | None]]: ...
