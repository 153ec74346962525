"""The sockets that one attachment is made of, its *parts*: what each is asked for, and what each has shown.

Usually there is one. There are several where one request could not hold all that is wanted; then each request goes to
those of them that it changes something of, and is in force once all of these have shown that it is.
"""

from collections.abc import Collection, Iterable

from websocket_v6.protocol.delivery.commands import Skip
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.partition import Partition, parts_needed
from websocket_v6.protocol.exchange.streams import Stream, split

__all__ = ["Parts"]

Types = list[dict[str, object]]


class Parts:
    """By number, the first of which is the attachment's. `limit` is how many bytes a request to one may have."""

    def __init__(self, numbers: tuple[int, ...], limit: int | None = None) -> None:
        self.numbers = numbers
        self._partition = Partition(len(numbers), limit)
        self._is_any_idle = False
        self._asked: set[int] = set()
        self._silent: set[int] = set()  # asked, and nothing has come yet
        self._unshown: dict[int, frozenset[Stream]] = {}  # what would show that the last request to each is in force
        self._answers: dict[str, dict[int, SubscriptionList | None]] = {}  # by ticket, of those that were asked it

    @property
    def is_split(self) -> bool:
        """Whether there are several."""
        return len(self.numbers) > 1

    @property
    def is_roomy(self) -> bool:
        """Whether one less would do and have room, or one brings only what nobody wants any more."""
        return self._partition.is_roomy or self._is_any_idle

    def are_too_many(self, types: Types) -> bool:
        """Whether that is so, and a source that opens now for `types` would not have as many again."""
        limit = self._partition.limit
        if limit is None or self._is_any_idle:
            return self._is_any_idle
        return self._partition.is_roomy and parts_needed(types, limit) < len(self.numbers)

    def divide(self, types: Types, changed: Iterable[Stream]) -> dict[int, Types] | None:
        """Return the requests that change what is asked of `changed` to what is in `types`; `None` if that is too much.

        A part that nothing is wanted of any more is not asked: there is no request for that, and what it still brings
        is nobody's. It is not for long, since it is not needed.
        """
        divided = self._partition.divide(types)
        if divided is None:
            return None
        if not self.is_split:
            return {self.numbers[0]: types}
        concerned = {self._part_of(stream) for stream in changed}
        parts = dict(zip(self.numbers, divided, strict=True))
        self._is_any_idle = any(not parts[number] for number in self._asked)
        return {number: part for number, part in parts.items() if part and number in concerned}

    def sent(self, numbers: Iterable[int], new: Collection[Stream]) -> None:
        """Note that these parts were sent a request, with streams that none before it had."""
        for number in numbers:
            if number not in self._asked:
                self._asked.add(number)
                self._silent.add(number)
            self._unshown[number] = frozenset(stream for stream in new if self._part_of(stream) == number)

    def saw(self, number: int, streams: Collection[Stream]) -> bool:
        """Note what a part has brought; return whether all that was sent to any is known to be in force."""
        self._silent.discard(number)
        if not self._unshown.get(number, frozenset()).isdisjoint(streams):
            del self._unshown[number]
        return not self._unshown

    @property
    def have_begun(self) -> bool:
        """Whether each that was asked has brought something: the first request to each is in force."""
        return not self._silent

    # --- questions

    @property
    def asked(self) -> tuple[int, ...]:
        """Those that can say what they serve: one that was asked for nothing might take the question for a mistake."""
        return tuple(number for number in self.numbers if number in self._asked) or self.numbers[:1]

    def question(self, ticket: str) -> tuple[int, ...]:
        """Note that a question goes to all that were asked for something, and return these."""
        if len(self.asked) > 1:
            self._answers[ticket] = dict.fromkeys(self.asked)
        return self.asked

    def answered(self, number: int, answer: SubscriptionList) -> SubscriptionList | None:
        """Take the answer of one part; return that of all, `None` as long as one is missing."""
        answers = self._answers.get(answer.ticket)
        if answers is None:
            return answer
        answers[number] = answer
        found = [one for one in answers.values() if one is not None]
        if len(found) < len(answers):
            return None
        del self._answers[answer.ticket]
        return answer._replace(subscriptions=tuple(entry for one in found for entry in one.subscriptions))

    # --- for the router

    def skips(self, streams: Iterable[Stream], *, is_on: bool = True) -> list[Skip]:
        """Return what has the router skip `streams`, or take them again, where they come from."""
        by_part: dict[int, list[Stream]] = {}
        for stream in streams:
            by_part.setdefault(self._part_of(stream), []).append(stream)
        return [Skip(number, tuple(found), is_on) for number, found in by_part.items()]

    def _part_of(self, stream: Stream) -> int:
        return self.numbers[self._partition.place_of(split(stream)[1])] if self.is_split else self.numbers[0]
