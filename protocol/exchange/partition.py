"""Which part of what is wanted goes over which connection, where one request would be too large to hold all of it.

It is divided by code: all types of a code come over one connection, in one order. A code that has its place keeps it,
for as long as these connections are open. So a stream never comes over two of them, and what changes of one code is
asked of one.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from websocket_v6.protocol.limits import PARTS

from .requests import encode_request

__all__ = ["Partition", "codes_of", "parts_needed", "size_of"]

Types: TypeAlias = list[dict[str, object]]

# Bytes of what one type may take more in a later request: then it stands there as much as three times, for codes that
# run, codes that are new, and codes of which a snapshot alone is wanted.
_ROOM = 2 * len('{"type":"orderbook","codes":[],"level":1000000,"is_only_snapshot":true},')
# As long as those that requests have.
_TICKET = "-" * 36
_FORMAT = "SIMPLE_LIST"
_AROUND = len('"",')  # of a code in a list


def size_of(types: Iterable[Mapping[str, object]]) -> int:
    """Return how many bytes a request for `types` has, at most."""
    return len(encode_request(_TICKET, types, _FORMAT).encode())


def codes_of(types: Iterable[Mapping[str, object]]) -> int:
    """Return how many codes a request names."""
    return len({_bare(code) for one in types for code in _listed(one)})


def parts_needed(types: Types, limit: int) -> int:
    """Return on how many connections no request for its part of `types` is larger than `limit` bytes, nor will be."""
    most = min(PARTS, codes_of(types))
    for parts in range(max(1, math.ceil(size_of(types) / limit)), most):
        if Partition(parts, limit).holds(types):
            return parts
    return max(1, most)


class Partition:
    """Knows the place of each code among `parts` connections, of which each takes requests of `limit` bytes.

    What is wanted of one code is not divided, however large it is. Without a limit there is one part, which takes all.
    """

    def __init__(self, parts: int = 1, limit: int | None = None) -> None:
        self.parts = parts
        self.limit = limit
        self._places: dict[str, int] = {}
        self._size = 0  # of all that was divided last, with room

    @property
    def is_roomy(self) -> bool:
        """Whether what was divided last would fill no more than half of one part less."""
        return self.limit is not None and self.parts > 1 and 2 * self._size <= self.limit * (self.parts - 1)

    def place_of(self, code: str) -> int:
        """Return where a code is, or would be if it has not been placed: what has no code is in the first part."""
        return self._places.get(code, 0)

    def holds(self, types: Types) -> bool:
        """Whether it can be divided so that it still fits when the same is asked for in other words."""
        divided = self.divide(types)
        return divided is not None and all(self._is_taken(part, _ROOM * len(part)) for part in divided)

    def divide(self, types: Types) -> list[Types] | None:
        """Return what each part is to be asked for, nothing where that is empty; `None` if it does not fit."""
        if self.limit is None:
            return [types]
        if self.parts == 1:
            return [types] if self._is_taken(types) else None
        places = self._placed(types)
        divided = [list(_part(types, places, number)) for number in range(self.parts)]
        if self.parts < PARTS and not all(map(self._is_taken, divided)):
            return None
        self._places = places
        self._size = sum(size_of(part) + _ROOM * len(part) for part in divided if part)
        return divided

    def _is_taken(self, types: Types, room: int = 0) -> bool:
        return self.limit is None or size_of(types) + room <= self.limit or codes_of(types) < 2

    def _placed(self, types: Types) -> dict[str, int]:
        """Return the places of all codes; one that has none goes where there is most room."""
        weights: dict[str, int] = {}
        for code in (code for one in types for code in _listed(one)):
            weights[_bare(code)] = weights.get(_bare(code), 0) + len(code) + _AROUND
        places, loads = dict(self._places), [0] * self.parts
        for code, weight in weights.items():
            if code in places:
                loads[places[code]] += weight
        for code, weight in weights.items():
            if code not in places:
                place = places[code] = loads.index(min(loads))
                loads[place] += weight
        return places


def _part(types: Types, places: Mapping[str, int], number: int) -> Iterator[dict[str, object]]:
    for one in types:
        if isinstance(one.get("codes"), list):
            codes = [code for code in _listed(one) if places[_bare(code)] == number]
            if codes:
                yield one | {"codes": codes}
        elif number == 0:
            yield one


def _listed(one: Mapping[str, object]) -> list[str]:
    codes = one.get("codes")
    return codes if isinstance(codes, list) else []


def _bare(code: str) -> str:
    """Return a code without the depth that it has in a request for order books."""
    return code.partition(".")[0]
