"""Processes with a wrong clock: libfaketime changes the system time they read."""

from __future__ import annotations

import platform
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

LIBRARY = "vendor/libfaketime/src/libfaketime.so.1"
needs_library = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="The package has the library of one"
)


def clock_ahead(seconds: int) -> dict[str, str]:
    """The environment of a process whose clock is that far ahead; negative: behind.

    The monotonic clock is not changed, as on a machine whose time is set wrongly.
    """
    package = find_spec("libfaketime")
    assert package is not None
    assert package.origin is not None
    return {
        "LD_PRELOAD": str(Path(package.origin).parent / LIBRARY),
        "FAKETIME": f"{seconds:+d}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",  # its name in older versions
    }
