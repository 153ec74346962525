"""What numbers were taken on, and of what: for the head of every result."""

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from .contenders import CONTENDERS
from .runs import cores

__all__ = ["describe_machine", "versions"]


def describe_machine() -> dict[str, Any]:
    """Say what the numbers were taken on, and how busy it was before."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "sender_and_receiver_core": cores(),
        "load_before": os.getloadavg() if hasattr(os, "getloadavg") else None,
    }


def versions() -> dict[str, str]:
    """Return the versions of everything that is compared and of what it stands on."""
    packages = ["websocket-v6", "msgpack", "msgspec", "pykka", *(one.package for one in CONTENDERS.values())]
    found = {}
    for package in sorted({package for package in packages if package}):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
