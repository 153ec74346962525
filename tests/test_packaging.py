"""Wheel and sdist are whole, also from a checkout whose two links became text files."""

import configparser
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Package -> its folder; the last two are links in the first.
FOLDERS = {"websocket_v6": "websocket_v6", "websocket_v6.actors": "actors", "websocket_v6.protocol": "protocol"}
LINKS = {"websocket_v6/actors": "../actors", "websocket_v6/protocol": "../protocol"}
CATALOGUE = "websocket_v6/cli/locale/ko/LC_MESSAGES/websocket_v6"
DATA = (
    "websocket_v6/page.html",
    "websocket_v6/protocol/_fast.pyi",
    "websocket_v6/py.typed",
    f"{CATALOGUE}.mo",
    f"{CATALOGUE}.po",
)
TIMEOUT = 120

CHECK = """
import pkgutil, sys
from pathlib import Path
import websocket_v6, websocket_v6.actors.supervisor, websocket_v6.protocol.config
target = Path(sys.argv[1])
for module in list(sys.modules.values()):
    if module.__name__.partition(".")[0] == "websocket_v6":
        assert Path(module.__file__).is_relative_to(target), module
found = pkgutil.walk_packages(websocket_v6.__path__, "websocket_v6.")
print(*sorted(name for _, name, is_package in found if is_package))
"""

CHOSEN = "from websocket_v6.protocol import fast; print(fast.IMPLEMENTATION)"


def packages() -> list[str]:
    """Return the packages that setup.cfg names."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config["options"]["packages"].split()


def files(root: Path = ROOT) -> list[str]:
    """Return the files to install, by their path in the package."""
    return sorted(
        f"{package.replace('.', '/')}/{path.relative_to(root / folder).as_posix()}"
        for package, folder in FOLDERS.items()
        for path in (root / folder).rglob("*.py")
        if not any((root / folder / part).is_symlink() for part in path.relative_to(root / folder).parts[:1])
    )


def test_setup_cfg_names_every_package() -> None:
    there = [path.removesuffix("/__init__.py").replace("/", ".") for path in files() if path.endswith("/__init__.py")]
    assert packages() == sorted(there), "a new room is to be named in setup.cfg"
    assert {Path(path).parent.as_posix().replace("/", ".") for path in files()} == set(there), (
        "a room needs __init__.py"
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy the files of the project as git does without links: core.symlinks=false."""
    if importlib.util.find_spec("setuptools.command.bdist_wheel") is None:
        pytest.skip("setuptools 70.1 or newer is not here to build with: pip install -e '.[test]'")
    root = tmp_path / "checkout"
    for name in ("setup.cfg", "setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        root.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    for folder in FOLDERS.values():
        shutil.copytree(
            ROOT / folder,
            root / folder,
            ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "*.so"),
            symlinks=True,
        )
    for name, text in LINKS.items():
        (root / name).unlink()
        (root / name).write_text(text, encoding="utf-8")
    return root


def run(*arguments: str | Path, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=TIMEOUT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | environment,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*arguments: str | Path, folder: Path, **environment: str) -> None:
    fixed = ("-m", "pip", "--disable-pip-version-check", "--no-input")
    run(*fixed, *arguments, "--no-deps", "--no-index", folder=folder, **environment)


def wheel_of(checkout: Path, folder: Path, **environment: str) -> tuple[Path, list[str]]:
    """Build a wheel; return it and what it holds."""
    pip("wheel", "--no-build-isolation", "-w", folder, checkout, folder=folder.parent, **environment)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return wheel, sorted(name for name in archive.namelist() if ".dist-info/" not in name)


def check_installed(target: Path, folder: Path) -> None:
    """Check that everything is found in `target`, whatever else this interpreter knows of."""
    program = f"import sys; sys.path.insert(0, {str(target)!r})\n{CHECK}"
    assert ["websocket_v6", *run("-c", program, target, folder=folder).split()] == packages()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_wheel_from_a_checkout_without_links(checkout: Path, tmp_path: Path) -> None:
    wheel, names = wheel_of(checkout, tmp_path / "wheels", WEBSOCKET_V6_PURE="1")
    assert names == sorted([*files(checkout), *DATA]), "nothing is missing, nothing is twice"
    assert wheel.name.endswith("-py3-none-any.whl")
    pip("install", "--target", tmp_path / "target", wheel, folder=tmp_path)
    check_installed(tmp_path / "target", tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("works", [True, False])
def test_a_wheel_has_the_module_in_c_where_a_compiler_is(checkout: Path, tmp_path: Path, works: bool) -> None:
    compiler = shutil.which(sysconfig.get_config_var("CC").split()[0]) if works else "false"
    if compiler is None:
        pytest.skip("no C compiler is here")
    wheel, names = wheel_of(checkout, tmp_path / "wheels", CC=compiler, LDSHARED=f"{compiler} -shared")
    more = [name for name in names if name.endswith(sysconfig.get_config_var("EXT_SUFFIX"))]
    assert len(more) == works
    assert sorted(set(names) - set(more)) == sorted([*files(checkout), *DATA])
    pip("install", "--target", tmp_path / "target", wheel, folder=tmp_path)
    program = f"import sys; sys.path.insert(0, {str(tmp_path / 'target')!r})\n{CHOSEN}"
    chosen = run("-c", program, folder=tmp_path, WEBSOCKET_V6_PURE="").split()
    assert chosen == ["C" if works else "Python"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_sdist_from_a_checkout_without_links(checkout: Path, tmp_path: Path) -> None:
    run("-c", f"from setuptools import build_meta; build_meta.build_sdist({str(tmp_path)!r})", folder=checkout)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert "actors/supervisor.py" in names
    data = {name.removeprefix("websocket_v6/") if "/protocol/" in name else name for name in DATA}
    assert data | {"protocol/c/levels.c", "protocol/c/fast.h"} <= set(names)
    assert not any(name.startswith(tuple(LINKS)) for name in names)
    pip("install", "--no-build-isolation", "--target", tmp_path / "target", sdist, folder=tmp_path)
    check_installed(tmp_path / "target", tmp_path)
