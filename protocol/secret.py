"""Values that show themselves to nobody by themselves: in no repr, no traceback with locals, no JSON, no pickle."""

import hmac
from typing import NoReturn

__all__ = ["HiddenBytes", "HiddenText", "Secret"]


class Secret:
    """A key or a token of text: `reveal()` says it, and nothing else does. It does not leave its process."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return it, for where it is used."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        text = other._text if isinstance(other, Secret) else other
        if not isinstance(text, str):
            return NotImplemented
        return hmac.compare_digest(self._text.encode("utf-8", "surrogatepass"), text.encode("utf-8", "surrogatepass"))

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "'set'" if self._text else "''"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret does not leave its process")


class HiddenText(str):
    """A text with a secret in it, where only a string will do: a header. Its repr is hidden, and no more than that."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} hidden characters>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a hidden text does not leave its process")


class HiddenBytes(bytes):
    """Bytes that are for one reader, such as the key of a door: `bytes(key)` is what is sent to that one."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} hidden bytes>"

    __str__ = __repr__  # without a warning, where -b is given

    def __reduce__(self) -> NoReturn:
        raise TypeError("hidden bytes do not leave their process by themselves")
