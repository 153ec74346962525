"""One source for what both faces say of themselves: the synchronous one."""

import inspect
from collections.abc import Callable
from typing import TypeVar

__all__ = ["explained_by"]

C = TypeVar("C", bound=type)


def explained_by(other: type) -> Callable[[C], C]:
    """Give what has no docstring of its own in a class that of `other`'s member of the same name."""

    def explain(one: C) -> C:
        for name, member in vars(one).items():
            if inspect.isfunction(member) and member.__doc__ is None and not name.startswith("_"):
                member.__doc__ = getattr(other, name).__doc__
        return one

    return explain
