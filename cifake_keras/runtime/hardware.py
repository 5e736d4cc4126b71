"""What a machine has of what the study uses, but for GPUs. Imports no TensorFlow."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

from cifake_keras.runtime import processor
from cifake_keras.runtime.checks import READY, Check

_ROOM = 5  # GB: the sources of Phase 1, and what the autoencoders of five seeds make of them


def checks(data_dir: Path) -> Iterator[Check]:
    """data_dir: it need not be there."""
    of = processor.described()
    precision = "bfloat16" if processor.computes_bfloat16() else "float32, as it has no AVX512-BF16 or AMX-BF16"
    yield Check(
        "machine", "processor", READY, f"{of['cores']} cores, {of['kind']}, {of['model']}; trains in {precision}"
    )
    memory = psutil.virtual_memory()
    yield Check("machine", "memory", READY, f"{memory.total / 1e9:.0f} GB, {memory.available / 1e9:.0f} GB of it free")
    yield _disk(data_dir)


def _disk(data_dir: Path) -> Check:
    there = next(folder for folder in (data_dir.absolute(), *data_dir.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free / 1e9
    details = f"{free:.0f} GB free at {there}" + ("" if os.access(there, os.W_OK) else ", which may not be written to")
    if free < _ROOM:
        return Check("machine", "disk", "small", f"{details}; Phase 1 takes {_ROOM}", "--data-dir on another disk")
    return Check("machine", "disk", READY, details)
