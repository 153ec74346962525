"""What a simulator is made with."""

from dataclasses import dataclass, field

from ..answers import Answers
from ..weather import Weather
from ..wire.exchange_limits import Limits

__all__ = ["Settings"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Set once; it crosses into the other process."""

    markets: tuple[str, ...]
    seed: int
    host: str
    port: int
    access_key: str
    secret_key: str = field(repr=False)
    traffic: float
    paced: bool
    weather: Weather
    answers: Answers
    limits: Limits
    region: str
    start: float | None
    frozen: bool
    record: int
    tls: tuple[str, str] | None
