"""Messages of any type to be drawn, as their texts in both spellings.

The keys are the simulator's tables, which were made from the reference by themselves. Values are texts that are drawn
once and stand in both spellings, so what a conversion must give is known to the byte without any parsing.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.protocol.spellings import numbers
from websocket_v6.simulator.market.message_keys import FIELDS, INNER

__all__ = ["TYPES", "Inner", "Member", "Message", "messages"]

TYPES = (
    "ticker",
    "trade",
    "orderbook",
    "candle.1m",
    "candle.240m",
    "myOrder",
    "myAsset",
    "announcement",
    "indicator",
    "indicator_signal",
)


class Member(NamedTuple):
    """One key, in both spellings, and its value: a text, or objects that have keys of their own."""

    full: str
    short: str
    value: "str | Inner"

    def text(self, full: bool, space: str) -> str:
        value = self.value if isinstance(self.value, str) else self.value.text(full, space)
        return f'"{self.full if full else self.short}"{space}:{space}{value}'


class Inner(NamedTuple):
    """An object inside of a message, or an array of them."""

    objects: tuple[tuple[Member, ...], ...]
    is_array: bool

    def text(self, full: bool, space: str) -> str:
        texts = [_object(members, full, space) for members in self.objects]
        return f"[{_joined(texts, space)}]" if self.is_array else texts[0]


class Message(NamedTuple):
    """One message of a type."""

    type: str
    members: tuple[Member, ...]
    space: str = ""  # between all tokens

    @property
    def full(self) -> bytes:
        return _object(self.members, True, self.space).encode()

    @property
    def short(self) -> bytes:
        return _object(self.members, False, self.space).encode()

    def with_value(self, full: str, change: Any) -> "Message":
        """Return this message with the value of one key changed."""
        return self._replace(
            members=tuple(one._replace(value=change(one.value)) if one.full == full else one for one in self.members)
        )

    def without(self, full: str) -> "Message":
        return self._replace(members=tuple(one for one in self.members if one.full != full))


def _object(members: Iterable[Member], full: bool, space: str) -> str:
    return "{" + _joined([member.text(full, space) for member in members], space) + "}"


def _joined(texts: list[str], space: str) -> str:
    return space + f"{space},{space}".join(texts) + space if texts else ""


# Texts that look like what they are not.
_strings = st.sampled_from(
    [
        '""',
        '"KRW-BTC"',
        '"SNAPSHOT"',
        '"st"',
        '"},{"',
        '"\\"st\\":\\"REALTIME\\",\\"ap\\":1"',
        '"\\\\"',
        '"\\u0022cd\\u0022:"',
        '"한글, \\ud55c"',
        '"a\\/b\\n"',
        '":"',
    ]
) | st.from_regex(r'"[a-z{}\[\],: ]{0,9}"', fullmatch=True)
_plain = st.one_of(numbers, numbers, numbers, _strings, st.sampled_from(["null", "true", "false"]))
_deep = st.sampled_from(
    ["[]", "{}", '{"cd":"x","st":"REALTIME"}', '[{"ap":1},{"ap":2}]', '{"p":{"p":1}}', '["ap","},{"]', "[[1],[]]"]
)
# None of them is known in any type, before or after.
_unknown = st.sampled_from(["zz", "new_field", "x.y-1", "a b", "\\u0063d", 'q\\"', "새", "", "st ", "Type"])
_extra = st.builds(lambda key, value: Member(key, key, value), _unknown, _plain | _deep)


@cache  # to make a strategy takes longer than to draw from it
def _inner(kind: str) -> st.SearchStrategy[Any]:
    known = [(full, short) for full, short in INNER[kind].items()]
    usual = st.tuples(*[st.builds(Member, st.just(full), st.just(short), numbers) for full, short in known])
    some = st.lists(st.sampled_from(known), unique=True, max_size=4).flatmap(
        lambda pairs: st.tuples(*[st.builds(Member, st.just(full), st.just(short), _plain) for full, short in pairs])
    )
    odd = st.builds(lambda members, extra: (*members, *extra), some, st.lists(_extra, max_size=1))
    if kind in ("units", "assets"):
        arrays = st.lists(usual, max_size=6) | st.lists(usual | odd, max_size=4)
        return arrays.map(lambda objects: Inner(tuple(objects), True)) | st.just("null")
    return (usual | odd).map(lambda members: Inner((members,), False)) | st.just("null")


@cache
def _member(full: str, short: str, kind: str, type_: str) -> st.SearchStrategy[Member]:
    value: st.SearchStrategy[Any] = _inner(kind) if kind in INNER else _plain
    if full == "type":
        value = st.just(f'"{type_}"')
    elif full == "stream_type":
        value = st.sampled_from(['"SNAPSHOT"', '"REALTIME"'])
    return st.builds(Member, st.just(full), st.just(short), value)


@st.composite
def messages(
    draw: st.DrawFn, types: Iterable[str] = TYPES, spaces: Iterable[str] = ("", "", "", " ", "\n\t")
) -> Message:
    """Draw a message as it usually is, or with keys missing, unknown, or in another order."""
    type_ = draw(st.sampled_from(list(types)))
    members = [draw(_member(*field, type_)) for field in FIELDS[type_.partition(".")[0]]]
    if draw(st.booleans()):
        gone = draw(st.sets(st.sampled_from([member.full for member in members[1:]]), max_size=3))
        members = [member for member in members if member.full not in gone]
        extra = draw(st.lists(_extra, max_size=2, unique_by=lambda one: one.full))
        place = draw(st.integers(1, len(members)))
        members[place:place] = extra
        if draw(st.integers(0, 3)) == 0:
            members = draw(st.permutations(members))
    return Message(type_, tuple(members), draw(st.sampled_from(list(spaces))))
