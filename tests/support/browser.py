"""Find the browsers of the e2e tests."""

from __future__ import annotations

import os
import shutil

# The headless shell has the same engine without the windows of a whole browser, which take most of the time.
WHOLE_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NAMES = ("chromium-headless-shell", *WHOLE_NAMES)
FIREFOX_NAMES = ("firefox-esr", "firefox")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def find_chromium() -> str | None:
    """The path of an installed Chromium: the environment's CHROMIUM, else the first found on the PATH."""
    given = os.environ.get("CHROMIUM")
    return given or next((path for name in NAMES if (path := shutil.which(name))), None)


def find_whole_chromium() -> str | None:
    """The path of a Chromium with everything that its users have, such as the cache for Back and Forward."""
    return next((path for name in WHOLE_NAMES if (path := shutil.which(name))), None)


def find_firefox() -> str | None:
    """The path of an installed Firefox: the environment's FIREFOX, else the first found on the PATH."""
    given = os.environ.get("FIREFOX")
    return given or next((path for name in FIREFOX_NAMES if (path := shutil.which(name))), None)
