"""The one thing that setup.cfg cannot say: a module in C, which the package goes without where it cannot be built."""

import os

from setuptools import Extension, setup

NAMES = (
    "books",
    "decoded",
    "levels",
    "loader",
    "module",
    "numbers",
    "pick",
    "plain",
    "play",
    "player",
    "reading",
    "rows",
    "scan",
)
SOURCES = [f"protocol/c/{name}.c" for name in NAMES]
HEADERS = [f"protocol/c/{name}.h" for name in ("books", "fast", "pick", "play", "skip")]
MODULES = [Extension("websocket_v6.protocol._fast", SOURCES, depends=HEADERS, optional=True)]

# WEBSOCKET_V6_PURE=1 builds the wheel for every platform, py3-none-any.
setup(ext_modules=[] if os.environ.get("WEBSOCKET_V6_PURE") == "1" else MODULES)
