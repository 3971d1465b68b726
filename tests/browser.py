"""Chromium for the tests that need a browser."""

import os
import shutil

MINUTE = 60_000  # milliseconds; waits end as soon as there is what they wait for, so that long ones cost nothing
# On Ubuntu, chromium-browser may be a stand-in that only tells how to install the snap: the last choice.
BROWSERS = ("chromium", "google-chrome", "chromium-browser")
QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run"]
QUIET += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


def find_browser():
    """The browser's path, or None. Raises ValueError where the environment names one that is not there."""
    named = os.environ.get("CHROMIUM")
    found = next(filter(None, map(shutil.which, [named] if named else BROWSERS)), None)
    if named and not found:
        raise ValueError(f"the environment variable CHROMIUM names no program: {named}")
    return found
