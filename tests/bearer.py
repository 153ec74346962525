"""What a program says about itself that opens a private connection."""

from typing import Any
from uuid import uuid4

import jwt

from websocket_v6.simulator import Simulator

__all__ = ["bearer"]


def bearer(sim: Simulator, *, algorithm: str = "HS512", secret: str | None = None, **claims: Any) -> dict[str, str]:
    """Return the headers of a private connection."""
    payload = {"access_key": sim.access_key, "nonce": str(uuid4()), **claims}
    payload = {name: value for name, value in payload.items() if value is not None}
    return {"Authorization": f"Bearer {jwt.encode(payload, secret or sim.secret_key, algorithm=algorithm)}"}
