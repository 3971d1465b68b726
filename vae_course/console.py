"""Printing where the console does not know every character."""

from __future__ import annotations

import io
import sys


def replace_unknown_characters() -> None:
    """From now on a character that the console's encoding lacks is printed as "?", where it would end the program."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a notebook's stream is not, and knows them all
        sys.stdout.reconfigure(errors="replace")
