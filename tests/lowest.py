"""Prints the lowest versions that setup.cfg allows of what users install, one a line, as pip's constraints.

    python -m tests.lowest > constraints.txt

Tools of the tests are as new as they are: it is what the package stands on that users may have older.
"""

import configparser
import re
from pathlib import Path

__all__ = ["lowest"]

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("simulator", "cli", "metrics", "proxy")


def lowest(text: str) -> list[str]:
    """Return `name==version` for each requirement in the text of a setup.cfg.

    Raises:
        ValueError: if one has no lower bound.
    """
    config = configparser.ConfigParser()
    config.read_string(text)
    lines = config["options"]["install_requires"].splitlines()
    for extra in EXTRAS:
        lines += config["options.extras_require"][extra].splitlines()
    found = set()
    for line in filter(None, map(str.strip, lines)):
        match = re.fullmatch(r"([\w-]+)>=([\d.]+)(,<[\d.]+)?", line)
        if match is None:
            raise ValueError(f"{line!r} has no lower bound: NAME>=VERSION")
        found.add(f"{match[1]}=={match[2]}")
    return sorted(found)


def main() -> None:
    """Print them."""
    print(*lowest((ROOT / "setup.cfg").read_text(encoding="utf-8")), sep="\n")  # noqa: T201


if __name__ == "__main__":
    main()
