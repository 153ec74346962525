"""The one thing that setup.cfg cannot say: a module in C, which the package goes without where it cannot be built."""

import os

from setuptools import Extension, setup

MODULES = [Extension("websocket_v6.protocol._fast", ["protocol/_fast.c"], optional=True)]

# WEBSOCKET_V6_PURE=1 builds the wheel for every platform, py3-none-any.
setup(ext_modules=[] if os.environ.get("WEBSOCKET_V6_PURE") == "1" else MODULES)
