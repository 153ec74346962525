"""One mutant against the tests that are its own, in a forked child that dies with it.

The parent has imported pytest and Hypothesis, but nothing of ours: a child imports the package with the mutant in it,
and costs little more than the tests it runs.
"""

import contextlib
import importlib
import importlib.machinery
import math
import os
import resource
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import NoReturn

import hypothesis
import pytest

from .mutate import ROOT, Mutant

__all__ = ["Verdict", "own_tests", "try_all"]

CPU_SECONDS = 60  # of the tests without a mutant
MEMORY = 4 << 30
FLAGS = ["-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
FLAGS += ["--hypothesis-profile", "mutants"]  # not the one of tests/conftest.py

# The same examples for every mutant, none remembered, and none made smaller: whether there is one is enough.
hypothesis.settings.register_profile(
    "mutants",
    database=None,
    derandomize=True,
    deadline=None,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
)


class Verdict(Enum):
    """What became of a mutant."""

    SURVIVED = 0
    KILLED = 1
    STILLBORN = 99  # it cannot be imported, so it says nothing about the tests


def own_tests(module: str) -> list[str]:
    """Return the tests of `module`: the file of its name, or those of its room if it has none of its own."""
    path = Path("tests") / module
    own = path.with_name(f"test_{path.name}")
    if (ROOT / own).exists():
        return [str(own)]
    return sorted(str(one.relative_to(ROOT)) for one in (ROOT / path.parent).glob("test_*.py"))


def try_all(
    mutants: Iterable[Mutant], jobs: int = 1, cpu_seconds: float = CPU_SECONDS
) -> Iterator[tuple[Mutant, Verdict, float]]:
    """Yield each mutant with its verdict and the processor time it took, as they come; `jobs` are tried at a time.

    One that takes more than `cpu_seconds` goes round in circles.
    """
    waiting, running = deque(mutants), dict[int, Mutant]()
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.popleft()
            child = os.fork()
            if child == 0:
                _try(mutant, math.ceil(cpu_seconds))
            running[child] = mutant
        child, status, usage = os.wait4(-1, 0)
        code = os.waitstatus_to_exitcode(status)
        # Whatever else ends the child, such as the signal of a limit, has killed the mutant.
        verdict = Verdict(code) if code in (0, 99) else Verdict.KILLED
        yield running.pop(child), verdict, usage.ru_utime + usage.ru_stime


def _try(mutant: Mutant, cpu_seconds: int) -> NoReturn:
    code = Verdict.STILLBORN.value
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        os.chdir(ROOT)
        name = "websocket_v6." + mutant.module.removesuffix(".py").replace("/", ".")
        sys.meta_path.insert(0, _Finder(name, mutant.source))
        with contextlib.suppress(Exception):
            importlib.import_module(name)
            code = Verdict.KILLED.value
            code = int(pytest.main([*FLAGS, *own_tests(mutant.module)]))
    finally:
        os._exit(code)


class _Finder(PathFinder):
    """Finds the one module and gives it the mutant's text."""

    def __init__(self, name: str, source: str) -> None:
        self._name = name
        self._source = source

    def find_spec(  # type: ignore[override]
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin, self._source)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, source: str) -> None:
        super().__init__(fullname, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec")
