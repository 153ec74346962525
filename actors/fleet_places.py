"""A process's place in the fleets of its endpoints, as they have said; what follows for its sources is `sources.py`."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .messages.supervisor import FleetPlaced


__all__ = ["FleetPlaces"]


class FleetPlaces:
    """Of one process, for the `endpoints` that have a log."""

    def __init__(self, endpoints: Collection[str]) -> None:
        self._endpoints = endpoints
        self._placed: dict[str, FleetPlaced] = {}

    def use(self, endpoints: Collection[str]) -> None:
        """Note that just these have a log: of an account's, another one than before."""
        self._endpoints = endpoints
        self.leave([endpoint for endpoint in self._placed if endpoint != "public"])

    def join(self, placed: "FleetPlaced") -> None:
        """Note that this machine leads the fleet of these endpoints, or reads its log, or is to lead next."""
        self._placed.update(dict.fromkeys(placed.endpoints, placed))

    def leave(self, endpoints: Iterable[str]) -> None:
        """Note that this process has no place of its own in the fleet of these endpoints."""
        for endpoint in endpoints:
            self._placed.pop(endpoint, None)

    def is_awaited(self, endpoint: str) -> bool:
        """Whether its fleet has not said yet where it comes from."""
        return endpoint in self._endpoints and endpoint not in self._placed

    def reads(self, endpoint: str) -> bool:
        """Whether it comes from the log alone."""
        placed = self._placed.get(endpoint)
        return placed is not None and not placed.leads and not placed.is_next

    def is_next(self, endpoint: str) -> bool:
        """Whether this machine is to lead next: what it reads goes on beside connections of its own."""
        placed = self._placed.get(endpoint)
        return placed is not None and placed.is_next

    def format_of(self, endpoint: str, own: str) -> str:
        """Return the exchange's format: the log's where there is one, else this process's `own`."""
        placed = self._placed.get(endpoint)
        return own if placed is None or not placed.messages else placed.messages
