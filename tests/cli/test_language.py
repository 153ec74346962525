"""The command line speaks English and Korean: every message has a translation, and none goes round the catalogue."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from websocket_v6.cli.language import LANGUAGES, asked_for, palette, speak

CLI = ROOT / "websocket_v6" / "cli"
FIELD = re.compile(r"\{[^{}]*\}")
# What shows a text to a person, by the name of what is called.
SHOWS = {"say", "_say", "echo", "confirm", "BadParameter", "status"}
FINDINGS = {"ok", "warning", "failed", "skipped"}
WORDS = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")


def translations() -> object:
    pytest.importorskip("babel", reason="the extra `docs` is not installed")
    from tools import translations

    return translations


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ([], {}, "en"),
        ([], {"LANG": "ko_KR.UTF-8"}, "ko"),
        ([], {"LANG": "ko_KR.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ([], {"LC_ALL": "", "LANG": "ko-KR"}, "ko"),
        ([], {"LANGUAGE": "ko:en", "LANG": "de_DE"}, "ko"),
        ([], {"LANG": "de_DE.UTF-8"}, "en"),
        (["--lang", "ko", "watch"], {"LANG": "en_US"}, "ko"),
        (["--lang=en", "watch"], {"LANG": "ko_KR"}, "en"),
        (["--lang"], {"LANG": "ko_KR"}, "en"),
        (["--lang", "xx"], {}, "en"),
    ],
)
def test_which_language_is_asked_for(arguments: list[str], environment: dict[str, str], expected: str) -> None:
    assert expected in LANGUAGES
    assert asked_for(arguments, environment) == expected


def test_every_message_has_a_translation_that_fits() -> None:
    module = translations()
    catalogue = module.catalogue("ko")  # type: ignore[attr-defined]
    messages = module.found()  # type: ignore[attr-defined]
    assert len(messages) > 300
    for message in messages:
        entry = catalogue.get(message)
        assert entry is not None, f"run python -m tools.translations: {message!r} is not in the catalogue"
        assert entry.string, f"{message!r} has no translation"
        assert not entry.fuzzy
        assert sorted(FIELD.findall(entry.string)) == sorted(FIELD.findall(message)), message
        assert entry.string.endswith("\n") is message.endswith("\n"), message
    assert {one.id for one in catalogue if one.id} == set(messages), "run python -m tools.translations"


def test_what_is_compiled_is_what_is_written() -> None:
    module = translations()
    path = module.po_path("ko")  # type: ignore[attr-defined]
    compiled = module.compiled(module.catalogue("ko"))  # type: ignore[attr-defined]
    assert path.with_suffix(".mo").read_bytes() == compiled, "run python -m tools.translations"


def unmarked(path: Path) -> Iterator[str]:
    """Yield texts that a person is shown, and that no translation is looked up for."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        shown = [keyword.value for keyword in node.keywords if keyword.arg in ("help", "title")]
        if name in FINDINGS:
            shown += node.args[1:]  # the first is its name, which is stable
        elif name in SHOWS or name.endswith("Error"):
            shown += node.args
        for one in shown:
            parts = one.values if isinstance(one, ast.JoinedStr) else [one]
            text = "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))
            if WORDS.search(text) and not text.startswith("pip install "):
                yield f"{path.name}:{node.lineno}: {text}"


# A look at a host is of no use to who cannot read what the engine itself says, and that is English everywhere.
ENGLISH = {"rest_calls.py", "host_door.py", "host_state.py"}


@pytest.mark.parametrize("path", sorted(CLI.glob("*.py")), ids=lambda path: path.name)
def test_no_text_goes_round_the_catalogue(path: Path) -> None:
    if path.name not in ENGLISH:
        assert list(unmarked(path)) == []


@pytest.fixture
def korean() -> Iterator[None]:
    before = os.environ.get("LANGUAGE")
    speak("ko")
    yield
    speak("en")
    if before is None:
        del os.environ["LANGUAGE"]
    else:
        os.environ["LANGUAGE"] = before


@pytest.mark.usefixtures("korean")
def test_in_korea_prices_rise_in_red_and_fall_in_blue() -> None:
    assert (palette().up, palette().down) == ("red", "blue")
    speak("en")
    assert (palette().up, palette().down) == ("green", "red")


def run(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "websocket_v6", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "PYTHONUTF8": "1", **environment},
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_help_and_errors_are_in_the_language_that_is_asked_for() -> None:
    assert "시장을 실시간으로 봅니다" in run("--lang", "ko", "--help")
    assert "시장을 실시간으로 봅니다" in run("--help", LANG="ko_KR.UTF-8", LC_ALL="", LANGUAGE="")
    assert "Watch markets live" in run("--lang", "en", "--help", LANG="ko_KR.UTF-8")
    assert "--depth는 --type orderbook과 함께" in run("--lang", "ko", "watch", "KRW-BTC", "--depth", "5")
    assert "'xx'" in run("--lang", "xx", "watch", "KRW-BTC")
