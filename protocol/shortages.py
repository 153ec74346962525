"""Failures that are no bug: the machine, or what it allows this process, has run out. It is tried again, and told."""

import errno

__all__ = ["remedy"]

_FILES = "this process may open no more files: raise the limit (ulimit -n), or look for what leaves them open"
_THREADS = "no more threads may be started: raise the limit (ulimit -u), or end what starts so many"
_MEMORY = "there is no memory left"
_REMEDIES = {
    errno.EMFILE: _FILES,
    errno.ENFILE: "this machine has too many open files: look for what leaves them open",
    errno.EAGAIN: _THREADS,
    errno.ENOMEM: _MEMORY,
    errno.ENOBUFS: "there is no memory left for sockets",
    errno.ENOSPC: "the disk is full, or too many files are watched: make room",
    errno.EDQUOT: "the user's share of the disk is used up: make room",
    errno.EROFS: "the disk cannot be written any more: look after it",
    errno.EIO: "the disk does not answer: look after it",
}


def remedy(error: BaseException) -> str:
    """Return what helps against an error that is no bug of ours, empty if it may well be one."""
    if isinstance(error, MemoryError):
        return _MEMORY
    if isinstance(error, RuntimeError) and "start new thread" in str(error):  # the interpreter's only word for it
        return _THREADS
    return _REMEDIES.get(error.errno or 0, "") if isinstance(error, OSError) else ""
