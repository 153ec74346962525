"""Write `docs/limits.md` from the table of limits: `python -m tests.protocol.limits_page`."""

from tests.conftest import ROOT
from websocket_v6.protocol.limits import LIMITS, Limit

PAGE = ROOT / "docs" / "limits.md"
_HEAD = """\
# Limits

Every size, count and time that the outside may choose: the exchange and whatever answers in its place, the clients of a
door, the folder where processes meet. Written by `python -m tests.protocol.limits_page` from `protocol/limits.py`.

| what the outside chooses | bound | beyond it |
|---|---|---|
"""


def render() -> str:
    """Return the page."""
    return _HEAD + "".join(f"| {limit.what} | {_bound(limit)} | {limit.beyond} |\n" for limit in LIMITS)


def _bound(limit: Limit) -> str:
    if limit.unit == "bytes":
        for size, unit in ((1024 * 1024, "MiB"), (1024, "KiB")):
            if limit.bound >= size and limit.bound % size == 0:
                return f"{limit.bound / size:g} {unit}"
    return f"{limit.bound:,g}" if limit.unit == "count" else f"{limit.bound:,g} {limit.unit}"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
