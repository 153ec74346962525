"""The site: pages made of other files, a menu with every page, and a strict build where the extra is installed."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.documents import DOCS
from tools.site_hooks import SOURCES, example_page, page


@pytest.mark.parametrize("name", SOURCES)
def test_links_of_a_page_from_elsewhere_lead_to_pages_of_the_site(name: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page(name))
    there = {*SOURCES, "examples.md"}
    folder = (DOCS / name).parent
    for link in links:
        target = (folder / link).resolve()
        assert target.exists() or target.relative_to(DOCS).as_posix() in there, link


def test_the_menu_has_every_page_once() -> None:
    menu = re.findall(r"^ +- .*: ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    written = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert sorted(menu) == sorted(written | {*SOURCES, "examples.md"})


def test_each_example_is_on_its_page() -> None:
    text = example_page()
    names = [path.name for path in (ROOT / "examples").glob("*.py")]
    assert names
    assert not [name for name in names if f'title="examples/{name}"' not in text]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_site_builds_without_a_warning_or_a_foreign_address(tmp_path: Path) -> None:
    if importlib.util.find_spec("mkdocs") is None or importlib.util.find_spec("mkdocstrings") is None:
        pytest.skip("the extra `docs` is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for html in (tmp_path / "site").rglob("*.html"):
        fetched = re.findall(r'<(?:script|link|img)[^>]* (?:src|href)="?(https?://[^" >]+)', html.read_text("utf-8"))
        assert not fetched, html
    reference = (tmp_path / "site" / "reference" / "index.html").read_text("utf-8")
    assert "Price of the last trade, in the quote currency" in reference, "fields of events have their meaning"
