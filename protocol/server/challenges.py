"""Questions to hosts of other machines: each may be answered once, within a minute. Times are monotonic seconds."""

import secrets

__all__ = ["Challenges"]

LIFETIME = 60.0
MOST = 1_000  # that are remembered; the oldest goes first
BYTES = 32


class Challenges:
    """Makes challenges, hexadecimal, and knows its own."""

    def __init__(self) -> None:
        self._made: dict[str, float] = {}  # and when, oldest first

    def make(self, now: float) -> str:
        """Return a challenge that nobody can have known."""
        while self._made and (len(self._made) >= MOST or next(iter(self._made.values())) <= now - LIFETIME):
            del self._made[next(iter(self._made))]
        challenge = secrets.token_hex(BYTES)
        self._made[challenge] = now
        return challenge

    def take(self, challenge: str, now: float) -> bool:
        """Whether this may be answered; from then on it may not."""
        made_at = self._made.pop(challenge, None)
        return made_at is not None and made_at > now - LIFETIME
