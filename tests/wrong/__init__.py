"""Typical wrong answers, lesson by lesson: (name of the check, answer, part of what the check says of it)."""

import importlib
import pkgutil

WRONG = [
    entry
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__))
    for entry in importlib.import_module(f"{__name__}.{module}").WRONG
]
