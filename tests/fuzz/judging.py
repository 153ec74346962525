"""How all harnesses run, and what they are judged by: exceptions, and what an input costs in time and memory.

What n bytes cost must not grow with more than n: now and then an input is also tried many times as long.
"""

import itertools
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

__all__ = ["REPORTS", "fuzz"]

REPORTS = Path(__file__).resolve().parent.parent.parent / "reports" / "fuzz"
MIB = 1024 * 1024
# Of the processor's time, with all code instrumented and every allocation traced: some twenty times what it is else.
SECONDS, SECONDS_A_BYTE = 0.1, 50e-6
BYTES, BYTES_A_BYTE = 2 * MIB, 400
GROWN = 64  # times as long
EACH_TRACED, EACH_GROWN = 8, 128  # of so many inputs one is measured, and one is grown; all are checked
TRIES = 3  # a collection of garbage may fall into one


def fuzz(
    name: str, check: Callable[[bytes], None], seeds: Iterable[bytes], *, bytes_a_byte: int = BYTES_A_BYTE
) -> None:
    """Fuzz until told to stop by the flags of libFuzzer, of which the first folder takes what is new.

    An input may take so many bytes of memory for each of its own, and BYTES. The corpus is in reports/fuzz/NAME.
    """
    corpus = REPORTS / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    flags = [f"-artifact_prefix={REPORTS}/{name}-", "-max_len=4096", *sys.argv[1:], str(corpus)]
    counter = itertools.count()

    def judge(data: bytes) -> None:
        number = next(counter)
        if number % EACH_TRACED == 0:
            _judge(check, data, bytes_a_byte)
        else:
            check(data)
        if number % EACH_GROWN == 0:
            _judge(check, data * GROWN, bytes_a_byte)

    atheris.Setup([sys.argv[0], *flags], judge)
    atheris.Fuzz()


def _judge(check: Callable[[bytes], None], data: bytes, bytes_a_byte: int) -> None:
    most_seconds, most_bytes = SECONDS + SECONDS_A_BYTE * len(data), BYTES + bytes_a_byte * len(data)
    costs = []
    for _ in range(TRIES):
        seconds, bytes_ = _cost(check, data)
        if seconds <= most_seconds and bytes_ <= most_bytes:
            return
        costs.append(f"{seconds:.3f} s, {bytes_:,} bytes")
    raise AssertionError(
        f"{len(data)} bytes cost {'; '.join(costs)}: more than {most_seconds:.3f} s, {most_bytes:,} bytes"
    )


def _cost(check: Callable[[bytes], None], data: bytes) -> tuple[float, int]:
    tracemalloc.start()
    try:
        began = time.process_time()
        check(data)
        seconds = time.process_time() - began
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return seconds, peak
