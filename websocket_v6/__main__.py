"""`websocket-v6` and `python -m websocket_v6`: runs the command line, or says how to install what it needs."""

import importlib.util
import os
import signal
import sys

__all__ = ["main"]

NEEDED = ("h11", "rich", "typer", "websockets")


def main() -> None:
    """Run the command line and exit with its code."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"websocket-v6: the command line needs {', '.join(missing)}: pip install 'websocket-v6[cli]'")
    if sys.argv[1:2] == ["serve"] and hasattr(signal, "SIGTERM"):
        # Until its own handler is there; to the first process of a container the system gives none.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        from .cli.language import asked_for, speak

        speak(asked_for(sys.argv[1:], os.environ))
        from .cli.app import app  # whose texts are made when it is imported

        app()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
