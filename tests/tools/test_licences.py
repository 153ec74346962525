"""The list of licences has all that is required, and none of them is unknown or asks more than to be named."""

import re

import pytest

from tools.licences import EXTRAS, PAGE, direct, document, entries

for needed in ("h11", "prometheus_client", "python_socks", "rich", "typer", "websockets"):
    pytest.importorskip(needed, reason="an extra is not installed")

# Licences whose code may be used beside MIT code without terms for that code.
PERMISSIVE = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "PSF-2.0"}


def test_the_page_has_all_that_setup_cfg_names() -> None:
    """What those bring along differs with Python and versions, so the rest of the page is not compared."""
    shown = set(re.findall(r"^\| ([\w-]+) \| ", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert shown >= {name for label in ("core", *EXTRAS) for name in direct(label)}


def test_what_is_written_has_every_package() -> None:
    text = document()
    found = entries()
    assert {"msgspec", "pykka", "rich", "python-socks"} <= {one.name for one in found}
    assert all(f"| {one.name} | {one.licence} |" in text for one in found)
    assert "| msgpack | Apache-2.0 | core |" in text


def test_every_licence_is_known_and_permissive() -> None:
    for entry in entries():
        assert set(entry.licence.replace(" AND ", " OR ").split(" OR ")) <= PERMISSIVE, entry
