"""`probe`: asks an exchange the open questions and writes a report that the simulator reads."""

from collections.abc import Collection
from gettext import gettext as _
from pathlib import Path

from rich.console import Console
from websockets.exceptions import InvalidStatus

from websocket_v6.simulator.probe import probe
from websocket_v6.simulator.probe.line import Caller

__all__ = ["run_probe"]


def run_probe(
    url: str, out: Path, console: Console, *, code: str, pause: float, slow: bool, only: Collection[str]
) -> None:
    """Ask, tell each outcome, and write the report to `out`.

    Raises:
        OSError: if there is no exchange, or the report cannot be written.
        ValueError: if there is no question of a name.
    """

    def tell(name: str, text: str) -> None:
        console.print(f"{name}: {text}", markup=False, highlight=False, soft_wrap=True)

    try:
        report = probe(Caller(url, code=code, pause=pause), slow=slow, only=only, tell=tell)
    except InvalidStatus as refused:
        status = refused.response.status_code
        raise OSError(
            _("{url} answers HTTP {status}, it has had enough: wait a while, then ask less (--only)").format(
                url=url, status=status
            )
        ) from None
    report.save(out)
    count = len(report.answers)
    text = _("{count} answered, {open} unsettled: {file}, for Answers.from_file({name!r})")
    tell(_("report"), text.format(count=count, open=len(report.unsettled), file=out, name=str(out)))
