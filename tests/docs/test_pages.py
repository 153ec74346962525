"""Every Python block of the site runs; its pages and lists are whole; what is said twice in two languages agrees."""

import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import websocket_v6
from tests.conftest import ROOT, Program
from tests.documents import DOCS, Block, blocks, pages
from websocket_v6.protocol import errors
from websocket_v6.protocol.websocket.handshake import _REMEDIES
from websocket_v6.simulator import Simulator

# Those in Korean have the same code, which a test below holds.
PAGES = [path for path in pages() if DOCS / "ko" not in path.parents]
PROGRAMS = [(path, block) for path in PAGES for block in blocks(path, "python") if block.title]
RUN = [path for path in PAGES if any(not block.title for block in blocks(path, "python"))]


def name(path: Path) -> str:
    return path.relative_to(DOCS).as_posix()


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Simulator]:
    """A busy exchange that a bare proxy finds by its environment, and an empty folder to write in."""
    with Simulator(["KRW-BTC", "KRW-ETH"], traffic=50) as sim:
        monkeypatch.setenv("WEBSOCKET_V6_URL", sim.url)
        monkeypatch.setenv("WEBSOCKET_V6_RUNTIME_DIR", str(tmp_path / "run"))
        monkeypatch.setenv("UPBIT_ACCESS_KEY", sim.access_key)
        monkeypatch.setenv("UPBIT_SECRET_KEY", sim.secret_key)
        monkeypatch.chdir(tmp_path)
        Path("answers.json").write_text("{}", encoding="utf-8")  # what `websocket-v6 probe` would have written
        yield sim


@pytest.mark.parametrize("path", RUN, ids=name)
def test_the_blocks_of_a_page_run_one_after_the_other(path: Path, exchange: Simulator) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    kept = signal.getsignal(signal.SIGTERM)
    logger = logging.getLogger("websocket_v6")
    level, handlers = logger.level, list(logger.handlers)
    try:
        for number, block in enumerate([one for one in blocks(path, "python") if not one.title], 1):
            exec(compile(block.code, f"{name(path)}, block {number}", "exec"), names)  # noqa: S102  # our own pages
        for test in [value for key, value in names.items() if key.startswith("test_")]:
            test()
    finally:
        signal.signal(signal.SIGTERM, kept)
        logger.setLevel(level)
        logger.handlers[:] = handlers
        for value in list(names.values()):
            if isinstance(value, websocket_v6.WebSocketClientProxy):
                value.cleanup()


@pytest.mark.parametrize(("path", "block"), PROGRAMS, ids=lambda value: getattr(value, "title", None))
def test_a_whole_program_says_something_until_ctrl_c(path: Path, block: Block, exchange: Simulator) -> None:
    Path(block.title).write_text(block.code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"}
    with Program(
        [sys.executable, block.title], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as program:
        assert program.stdout is not None
        line = program.stdout.readline()
        program.send_signal(signal.SIGINT)
        _, trouble = program.communicate(timeout=60)
    assert "KRW-" in line, trouble
    assert trouble.strip().splitlines()[-1:] in ([], ["KeyboardInterrupt"])


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=name)
def test_the_code_of_other_libraries_is_python(path: Path) -> None:
    for block in blocks(path, "py"):
        compile(block.code, name(path), "exec")


@pytest.mark.parametrize("path", sorted((DOCS / "ko").rglob("*.md")), ids=name)
def test_a_korean_page_has_the_code_and_the_headings_of_its_twin(path: Path) -> None:
    twin = DOCS / path.relative_to(DOCS / "ko")
    assert blocks(path) == blocks(twin)
    headings = [re.findall(r"^#+", one.read_text(encoding="utf-8"), re.MULTILINE) for one in (path, twin)]
    assert headings[0] == headings[1]


@pytest.mark.parametrize("page", ["errors.md", "ko/errors.md"])
def test_every_error_has_its_remedy(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert set(re.findall(r"^### (\w+Error)$", text, re.MULTILINE)) == set(errors.__all__)
    assert not [word for word in _REMEDIES if f"`{word}`" not in text]


def test_the_reference_has_every_public_name() -> None:
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    shown = {found.rpartition(".")[2] for found in re.findall(r"^::: ([\w.]+)$", text, re.MULTILINE)}
    public = {key for key in dir(websocket_v6) if key[0] != "_" and isinstance(getattr(websocket_v6, key), type)}
    assert public
    assert shown == public | {"Simulator"}


def test_the_reference_has_every_call_of_a_component() -> None:
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    entry = text.partition("::: websocket_v6.WebSocketClientProxy\n")[2].partition(":::")[0]
    shown = re.findall(r"^ {8}- (\w+)$", entry, re.MULTILINE)
    calls = [key for key in dir(websocket_v6.WebSocketClientProxy) if not key.startswith("_")]
    assert sorted(shown) == sorted(calls)
