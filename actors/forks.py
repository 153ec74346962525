"""What a forked child must not wait for: locks that a thread of its parent holds, and threads that it has not.

A fork copies one thread, and each lock as it stands: one that another thread holds stays locked for ever. So whatever
owns a lock or stands for threads is made anew in the child, before the child's first instruction, and knows from then
on that what it was is the parent's. Sockets and locks on files are let go of where they are kept.

The locks of modules that are being imported are the interpreter's, and it does not make them anew; some modules of the
standard library have locks of their own. So what a thread imports late, it imports under `no_fork`.
"""

import contextlib
import encodings.idna  # noqa: F401 - else getaddrinfo does, in whatever thread is the first to ask for a host
import os
import threading
import weakref
from collections.abc import Iterator
from typing import Protocol

import pykka

__all__ = ["in_child", "no_fork"]

IMPORT_TIMEOUT = 5.0  # seconds that a fork waits for an import at most


class Inherited(Protocol):
    """What a forked child has from its parent, and cannot use as it is."""

    def _after_fork(self) -> None:
        """Begin anew in the child. No other thread is there; the others come in any order."""


_inherited: "weakref.WeakSet[Inherited]" = weakref.WeakSet()
_importing = threading.RLock()


def in_child(one: Inherited) -> None:
    """Have `one` begin anew in a forked child, if it still exists then."""
    _inherited.add(one)


@contextlib.contextmanager
def no_fork() -> Iterator[None]:
    """Have no other thread fork within this."""
    with _importing:
        yield


def _before_fork() -> None:
    _importing.acquire(timeout=IMPORT_TIMEOUT)


def _after_fork_in_parent() -> None:
    with contextlib.suppress(RuntimeError):  # it took too long, and is not this thread's
        _importing.release()


def _after_fork_in_child() -> None:
    global _importing
    _importing = threading.RLock()
    # pykka's list names the parent's actors, and any thread of the parent may have been adding one.
    pykka.ActorRegistry._actor_refs_lock = threading.RLock()
    pykka.ActorRegistry._actor_refs.clear()
    for one in list(_inherited):
        one._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
