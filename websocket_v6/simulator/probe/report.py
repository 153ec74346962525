"""Runs the questions one after the other and keeps what they found."""

import json
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from websockets.exceptions import InvalidStatus, WebSocketException

from .line import Caller, Unsettled
from .questions import QUESTIONS, SLOW

__all__ = ["Report", "probe"]


@dataclass
class Report:
    """What an exchange answered; `answers` are switches of `Answers` with their values."""

    url: str
    asked_at: str
    answers: dict[str, object] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)  # what each answer is drawn from
    unsettled: dict[str, str] = field(default_factory=dict)  # and why not

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _is_blocked(error: Exception) -> bool:
    """Whether the exchange has had enough of us; going on would make it worse."""
    return isinstance(error, InvalidStatus) and error.response.status_code in {418, 429}


def probe(
    caller: Caller,
    *,
    slow: bool = False,
    only: Collection[str] = (),
    tell: Callable[[str, str], None] = lambda _name, _text: None,
) -> Report:
    """Ask all questions, or those named `only`; `slow` ones too, which take minutes.

    `tell` is called with the name and the outcome of each.

    Raises:
        ValueError: if there is no question of a name.
        OSError: if there is no exchange.
        InvalidStatus: if it says that this was too much (429, 418).
    """
    questions = {**QUESTIONS, **(SLOW if slow or only else {})}
    unknown = set(only) - set(questions)
    if unknown:
        raise ValueError(f"no question {', '.join(sorted(unknown))}: there are {', '.join(questions)}")
    report = Report(caller.url, datetime.now(UTC).isoformat(timespec="seconds"))
    for name in [name for name in questions if not only or name in only]:
        try:
            report.answers[name], report.seen[name] = questions[name](caller)
            tell(name, f"{report.answers[name]!r}: {report.seen[name]}")
        except (Unsettled, OSError, WebSocketException, ValueError, KeyError) as error:
            report.unsettled[name] = f"{type(error).__name__}: {error}"
            tell(name, f"unsettled, {report.unsettled[name]}")
            if isinstance(error, OSError) or _is_blocked(error):
                raise
    return report
