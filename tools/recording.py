"""The conditions under which lessons are recorded and compared, in one place: everything that runs a lesson asks here.

make test                        as recorded
make test ATEN_CPU_CAPABILITY=default       what the environment says comes before what is said here
make test UNPINNED=1             the processor's own instructions; sets of instructions are all that this leaves open
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping

# One torch thread a kernel: results do not depend on the number of cores, and lessons run side by side.
# Whoever asks for more gets threads that sleep while they wait: on a busy machine others would wait for them.
# Progress bars off. No GPU either: what is compared was recorded on a CPU.
SETTINGS = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "TQDM_DISABLE": "1", "CUDA_VISIBLE_DEVICES": ""}

# A sum that is vectorised in another way is rounded in another way, and training makes the third digit of it. On x86,
# three libraries choose their instructions by the processor: torch's own kernels, MKL's products and functions, and
# oneDNN's convolutions. Nearly every x86 processor since 2013 has AVX2.
INSTRUCTIONS = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "COMPATIBLE", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def has(*features: str) -> bool:
    """Whether this processor has one of these, in NumPy's names. (torch, told to use what is not there, just ends.)"""
    from numpy._core._multiarray_umath import __cpu_features__  # what numpy.show_runtime prints

    return any(__cpu_features__.get(feature, False) for feature in features)


def instructions(environment: Mapping[str, str] = os.environ) -> tuple[dict[str, str], str]:
    """(the variables that pin the instruction set here, one line that says what is pinned and why not more)."""
    if environment.get("UNPINNED", "") not in ("", "0"):
        return {}, "instructions: this processor's own, as UNPINNED asks"
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return {}, f"instructions: this {platform.machine()} processor's own; recordings are made on x86 with AVX2"
    if not has("AVX2"):
        return {}, "instructions: this processor's own, for it has no AVX2, with which the lessons were recorded"
    others = [f"{name}={environment[name]}" for name, pin in INSTRUCTIONS.items() if environment.get(name, pin) != pin]
    return INSTRUCTIONS, f"instructions: AVX2, as recorded{', but for ' if others else ''}{', '.join(others)}"


def environment(asked: Mapping[str, str] = os.environ) -> dict[str, str]:
    """All variables of a process that runs a lesson; what is `asked` for comes first."""
    return {**SETTINGS, **instructions(asked)[0], **asked}
