"""What each process asks of the connections that all of them use, and what they get: the most that anybody wants."""

from collections.abc import Iterable
from typing import Annotated, NamedTuple

import msgspec

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.config_rules import Format

__all__ = ["Settings", "not_obeyed", "settings_of", "together"]


class Settings(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the configuration of one process says of the connections, wherever they are."""

    redundancy: Annotated[int, msgspec.Meta(ge=1, le=16)]
    backfill: bool
    max_age: Annotated[float, msgspec.Meta(gt=0, le=1e9)] | None
    format: Format


class Difference(NamedTuple):
    """A setting that a process does not get."""

    name: str
    wanted: object
    is_so: object


def settings_of(config: Config) -> Settings:
    """Return what `config` asks."""
    return Settings(config.redundancy, config.backfill, config.max_age, config.format)


def together(own: Settings, others: Iterable[Settings]) -> Settings:
    """Return what serves all: the most connections, the shortest lives, and backfill if anybody wants it.

    There is one format, that of whoever owns the connections.
    """
    everybody = (own, *others)
    ages = [one.max_age for one in everybody if one.max_age is not None]
    return Settings(
        max(one.redundancy for one in everybody),
        any(one.backfill for one in everybody),
        min(ages, default=None),
        own.format,
    )


def not_obeyed(wanted: Settings, given: Settings) -> str:
    """Return what to tell whoever wants `wanted` of a host that does `given`; empty if all is as it is wanted."""
    differences: list[Difference] = []
    if given.redundancy < wanted.redundancy:
        differences.append(Difference("redundancy", wanted.redundancy, given.redundancy))
    if wanted.backfill and not given.backfill:
        differences.append(Difference("backfill", wanted.backfill, given.backfill))
    if wanted.max_age is not None and (given.max_age is None or given.max_age > wanted.max_age):
        differences.append(Difference("max_age", wanted.max_age, given.max_age))
    if given.format != wanted.format:
        differences.append(Difference("format", wanted.format, given.format))
    if not differences:
        return ""
    return "the connections are the host's, whose configuration is another than this process's: " + ", ".join(
        f"{one.name} is {one.is_so!r} and not {one.wanted!r}" for one in differences
    )
