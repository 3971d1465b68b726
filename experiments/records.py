"""Where a recorded number comes from, and writing it down whole or not at all."""

from __future__ import annotations

import datetime
import json
import platform
from pathlib import Path
from typing import Any

import numpy
import torch

RESULTS = Path(__file__).resolve().parent.parent / "results"


def processor() -> str:
    """The processor's name, as its maker writes it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def provenance(command: str, where: torch.device | None = None) -> dict[str, Any]:
    """What one has to know to repeat a measurement on `where`, the CPU if not said: command, date, device, versions."""
    return {
        "command": command,
        "date": datetime.date.today().isoformat(),
        "device": torch.cuda.get_device_name(where) if where is not None and where.type == "cuda" else processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__.partition("+")[0],
            "numpy": numpy.__version__,
        },
    }


def write(name: str, content: dict[str, Any]) -> Path:
    """Write results/<name> as JSON."""
    return write_text(name, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_text(name: str, text: str) -> Path:
    """Write results/<name>, whole or not at all."""
    path = RESULTS / name
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    return path
