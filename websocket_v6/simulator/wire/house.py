"""What the whole front of the exchange goes by: its answers, limits and time, the keys it knows, what it notes down."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from ..account.keyring import Keyring
from ..answers import Answers
from ..clock import Agenda, Clock
from ..market.wording import Wording
from ..weather import Weather
from .exchange_limits import Limits
from .gate import Gate
from .journal import Journal
from .turnstile import Turnstile

__all__ = ["House"]


@dataclass(frozen=True, kw_only=True)
class House:
    """Made once for an exchange and handed to everything that meets its clients."""

    answers: Answers
    weather: Weather
    rng: Random  # what the weather does at the front
    limits: Limits
    region: str
    clock: Clock
    agenda: Agenda
    keys: Keyring
    gate: Gate
    turnstile: Turnstile
    journal: Journal
    wordings: Sequence[Wording]  # long keys, short keys

    def wording(self, format_: str) -> Wording:
        """Return how messages are written in a format."""
        return self.wordings[format_.startswith("SIMPLE")]
