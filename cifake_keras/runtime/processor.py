"""Which kind of processor this is: by the fastest arithmetic that it has for networks."""

import re
from pathlib import Path

from cifake_keras.runtime import processes

# By kind, the flag of /proc/cpuinfo that it has; the fastest first.
KINDS = {"amx_bf16": "amx_bf16", "avx512_bf16": "avx512_bf16", "avx512": "avx512f", "avx2": "avx2"}

CORES = processes.cores()


def kind() -> str:
    """This processor's, a key of KINDS, or "other"."""
    return kind_of(_cpuinfo())


def kind_of(cpuinfo: str) -> str:
    """The same, of what /proc/cpuinfo says."""
    flags = set(cpuinfo.split())
    return next((kind for kind, flag in KINDS.items() if flag in flags), "other")


def computes_bfloat16() -> bool:
    """Whether this processor has instructions for it."""
    return kind() in ("amx_bf16", "avx512_bf16")


def described() -> dict:
    """For the record of a measurement."""
    model = re.search(r"model name\s*:\s*(.*)", _cpuinfo())
    return {"kind": kind(), "model": model[1] if model else "unknown", "cores": CORES}


def _cpuinfo() -> str:
    """Empty where the system is not Linux."""
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""
