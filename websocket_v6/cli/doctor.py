"""`doctor`: looks at all that the engine needs, from versions to permissions, and says what to do about each.

It is polite: two WebSocket connections, one of them without keys, four REST calls, one without keys; each once.
"""

import json
from collections.abc import Iterator
from gettext import gettext as _
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import WebSocketV6Error

from .check_machine import check_config, check_host, check_versions
from .check_rest import KeyChecks, check_clock, check_rest, left, limits, markets_of
from .check_stream import StreamChecks
from .finding import Finding, Level, level_text, name_text, skipped
from .rest_calls import Reply, RestCalls

__all__ = ["doctor", "doctor_json", "examine"]

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILED: "bold red", Level.SKIPPED: "dim"}


def doctor(config: Config, console: Console) -> bool:
    """Show what is found; True if nothing failed."""
    if not console.is_terminal:
        found = []
        for finding in examine(config):
            found.append(finding)
            for line in _lines(finding):
                console.print(line, markup=False, highlight=False, soft_wrap=True)
    else:
        with console.status(_("looking ...")) as status:
            found = []
            for finding in examine(config):
                found.append(finding)
                status.update(
                    _("looking ... {name}: {level}").format(
                        name=name_text(finding.name), level=level_text(finding.level)
                    )
                )
        console.print(_table(found))
    console.print(_verdict(found), markup=False, highlight=False, soft_wrap=True)
    return _is_well(found)


def doctor_json(config: Config, out: TextIO) -> bool:
    """Write what is found as one JSON object; True if nothing failed."""
    found = list(examine(config))
    document = {"ok": _is_well(found), "findings": [one._asdict() for one in found]}
    out.write(json.dumps(document, ensure_ascii=False) + "\n")
    return _is_well(found)


def examine(config: Config) -> Iterator[Finding]:
    """Look at one thing after the other, the nearest first; each as soon as it is known."""
    yield check_versions()
    yield check_config(config)
    yield from check_host(config)
    stream = StreamChecks(config)
    yield from stream.way()
    if not stream.is_reached:
        for name in ("websocket", "rest", "keys", "limits"):
            yield skipped(name, _("the exchange has no address"))
        return
    with RestCalls(config) as calls:
        reply: Reply | WebSocketV6Error
        try:
            reply = calls.get("/v1/market/all")
        except WebSocketV6Error as error:
            reply = error
        yield from stream.public(markets_of(reply) if isinstance(reply, Reply) else [])
        yield check_rest(config, reply)
        remaining: dict[str, int] = {}
        has_rest = not (isinstance(reply, Reply) and reply.status == 404)
        if isinstance(reply, Reply):
            yield check_clock(reply)
            if (found := left(reply.headers)) is not None:
                remaining[found[0]] = found[1]
        keys = KeyChecks(config, calls)
        if has_rest:
            yield from keys.findings()
        else:
            yield skipped("keys", _("there is no REST to ask about them"))
        yield stream.private() if stream.is_reached else skipped("private", _("there was no WebSocket"))
        yield limits(remaining | keys.left | stream.left)


def _is_well(found: list[Finding]) -> bool:
    return all(one.level is not Level.FAILED for one in found)


def _verdict(found: list[Finding]) -> str:
    failed = sum(one.level is Level.FAILED for one in found)
    warnings = sum(one.level is Level.WARNING for one in found)
    if failed:
        return _("{failed} failed, {warnings} to be looked at: begin with the first that failed.").format(
            failed=failed, warnings=warnings
        )
    return _("All is well, {warnings} to be looked at.").format(warnings=warnings) if warnings else _("All is well.")


def _lines(finding: Finding) -> Iterator[str]:
    yield f"{level_text(finding.level):8} {name_text(finding.name)}: {finding.text}"
    if finding.remedy:
        yield f"{'':8} {_('do')}: {finding.remedy}"


def _table(found: list[Finding]) -> Table:
    table = Table(box=None, padding=(0, 1), show_header=False)
    for name in ("level", "name"):
        table.add_column(name, no_wrap=True)
    table.add_column("text", overflow="fold")
    for one in found:
        text = Text(one.text)
        if one.remedy:
            text.append(f"\n→ {one.remedy}", style="bold")
        table.add_row(Text(level_text(one.level), style=_COLOURS[one.level]), Text(name_text(one.name)), text)
    return table
