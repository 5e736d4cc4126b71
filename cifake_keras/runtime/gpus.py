"""Which GPUs TensorFlow sees, or why it sees none: asked in a process of its own, as its import may crash or hang."""

import json
import os
import subprocess  # nosec B404 # it starts this Python alone
import sys
from collections.abc import Iterator

from cifake_keras.runtime.checks import ABSENT, BROKEN, READY, Check
from cifake_keras.runtime.errors import STUDY

_PATIENCE = 300  # seconds; the import takes two to thirty

# What TensorFlow writes where it finds none, and what that means, with what to do.
_REASONS = {
    "Cannot dlopen some GPU libraries": (
        "its libraries of CUDA are missing or do not fit the driver",
        "pip install 'cifake-keras[gpu]'",
    ),
    "Could not find cuda drivers": ("there is no driver of NVIDIA's", ""),
    "failed call to cuInit": ("the driver finds none, or does not answer", "nvidia-smi"),
}


def ask() -> subprocess.Popen:
    """Begins to import TensorFlow; `checks` waits for the answer."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "0"}  # where it says why there is none
    line = [sys.executable, "-c", "from cifake_keras.runtime import gpus; gpus.tell()"]
    pipe = subprocess.PIPE
    return subprocess.Popen(line, env=environment, text=True, stdout=pipe, stderr=pipe)  # nosec B603


def tell() -> None:
    """Prints, as JSON, whether this TensorFlow is made for CUDA and the names of the GPUs that it sees."""
    import tensorflow as tf

    name = tf.config.experimental.get_device_details
    seen = [name(gpu).get("device_name", gpu.name) for gpu in tf.config.list_physical_devices("GPU")]
    print(json.dumps({"cuda": tf.test.is_built_with_cuda(), "gpus": seen}))


def checks(asked: subprocess.Popen) -> Iterator[Check]:
    """What the process that was asked says of TensorFlow and its GPUs."""
    try:
        answer, log = asked.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        asked.kill()
        yield Check(
            "TensorFlow", "import", BROKEN, f"has not ended after {_PATIENCE} s: it hangs, or the machine is busy"
        )
        return
    if asked.returncode:
        reason = (log.strip().splitlines() or [""])[-1]
        if reason.endswith("No module named 'tensorflow'"):
            yield Check("TensorFlow", "import", ABSENT, "is not installed", STUDY)
            return
        yield Check("TensorFlow", "import", BROKEN, f"ended with status {asked.returncode}: {reason}")
        return
    yield Check("TensorFlow", "import", READY, "works")
    yield gpu(**json.loads(answer.splitlines()[-1]), log=log)


def gpu(cuda: bool, gpus: list[str], log: str) -> Check:
    """cuda: whether TensorFlow is made for it. log: what it wrote."""
    if gpus:
        return Check("TensorFlow", "GPU", READY, ", ".join(gpus))
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if not cuda:
        reason, remedy = "this TensorFlow is not made for CUDA", ""
    elif hidden is not None:
        reason, remedy = f"CUDA_VISIBLE_DEVICES is {hidden!r}", "unset CUDA_VISIBLE_DEVICES"
    else:
        reason, remedy = next(
            (of for line, of in _REASONS.items() if line in log), ("it does not say why", "nvidia-smi")
        )
    return Check("TensorFlow", "GPU", ABSENT, f"it sees none: {reason}", remedy)
