"""Write the scripts of the scenarios into docs/simulator.md: python -m tests.simulator.scenarios_page"""

from tests.conftest import ROOT
from websocket_v6.simulator.control.scenarios import SCENARIOS

PAGE = ROOT / "docs" / "simulator.md"
BEGIN, END = "<!-- scenarios -->\n", "<!-- end of scenarios -->\n"


def table() -> str:
    lines = ["| scenario | second | what happens |", "|---|---|---|"]
    for name, scenario in SCENARIOS.items():
        lines.append(f"| `{name}` | | {scenario.summary} Of `{scenario.code}`, {scenario.seconds:g} s. |")
        lines += [f"| | {step.at:g} | {step.text} |" for step in scenario.steps if step.text]
    return "\n".join(lines) + "\n"


def with_table(text: str) -> str:
    """Return the page with the table of today."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
