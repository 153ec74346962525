"""Numbers as a caller writes them, made exact."""

from decimal import Context, Decimal, setcontext

__all__ = ["Number", "be_exact", "decimal_or_none", "to_decimal"]

Number = Decimal | int | float | str


def be_exact() -> None:
    """Let this thread or task count with more digits than any sum here has.

    A turnover has up to fourteen digits before the point and sixteen behind it, more than Python's usual 28. A task
    begins with the context of whoever asked for it, and that is a program we do not know.
    """
    setcontext(Context(prec=60))


def to_decimal(value: Number) -> Decimal:
    """Take a number as it is written: 0.1 is one tenth."""
    return Decimal(str(value))


def decimal_or_none(value: Number | None) -> Decimal | None:
    return None if value is None else to_decimal(value)
