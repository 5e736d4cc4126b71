"""The precision that networks compute in."""

import tensorflow as tf

from cifake_keras.runtime import processor


def resolve_precision(precision: str) -> str:
    """ "auto" becomes bfloat16 where the processor or GPU computes in it, else float32."""
    if precision != "auto":
        return precision
    return "bfloat16" if _computes_bfloat16() else "float32"


def _computes_bfloat16() -> bool:
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0)) >= (8, 0)
    return processor.computes_bfloat16()


def policy(precision: str) -> str:
    """Keras's name of a precision: weights and loss are float32 in both."""
    return {"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision]
