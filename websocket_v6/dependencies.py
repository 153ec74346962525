"""What is imported as `websocket` must be websocket-client: another package and many a script have that name too."""

import importlib.util
from pathlib import Path

__all__ = ["check_websocket_client"]


def check_websocket_client() -> None:
    """Look where `websocket` would come from, without running it: it may be the very script that imports this package.

    Raises:
        ImportError: if that is not websocket-client.
    """
    try:
        spec = importlib.util.find_spec("websocket")
    except ValueError:  # it is being run, or was put there by hand
        return
    origin = None if spec is None or spec.origin is None else Path(spec.origin)
    if spec is not None and (origin is None or not origin.is_file() or any(origin.parent.glob("_abnf.*"))):
        return  # it is, or nobody can tell, as in a frozen program
    if spec is None or origin is None:
        raise ImportError("websocket-client is missing: pip install websocket-client")
    if origin.name == "__init__.py":
        todo = "pip uninstall websocket; pip install --force-reinstall websocket-client"
    else:
        todo = "give that file another name"
    raise ImportError(f"`websocket` is {origin}, which hides websocket-client: {todo}")


check_websocket_client()
