"""A SavedModel as TensorFlow Serving is started with it: below a version, with warm-up requests, and configurations.

<folder>/cifake/1/ is the SavedModel; the server finds cifake/2 by itself. models.config takes the folder to be /models,
as it is in the server's container.
"""

import io
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from cifake_keras.detector.saved_model import SIGNATURE
from cifake_keras.protocol import IMAGE_SIZE
from cifake_keras.runtime.errors import UserError

NAME = "cifake"
MODEL = Path(NAME) / "1"
WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"

_FILES = {
    "models.config": f"""\
model_config_list {{
  config {{
    name: "{NAME}"
    base_path: "/models/{NAME}"
    model_platform: "tensorflow"
  }}
}}
""",
    # 128 images take some 25 ms on two cores, so that waiting 2 ms for more costs an image alone little.
    "batching.config": """\
max_batch_size { value: 128 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 100 }
""",
}


def require() -> None:
    """Raises UserError where the messages of TensorFlow Serving are missing."""
    try:
        import tensorflow_serving.apis  # noqa: F401
    except ImportError as error:
        raise UserError("--format serving needs an extra: pip install 'cifake-keras[serving]'") from error


def complete(folder: Path) -> None:
    """Adds to a folder that has the SavedModel at MODEL what the server reads beside it."""
    for name, text in _FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    warm_up = folder / MODEL / WARM_UP
    warm_up.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(warm_up)) as writer:
        for signature, (name, values) in _requests().items():
            writer.write(_logged(signature, name, values))


def _requests() -> dict[str, tuple[str, np.ndarray]]:
    """By signature, the name of what it takes and a value: the first request makes the server prepare the signature."""
    picture = io.BytesIO()
    Image.new("RGB", (2 * IMAGE_SIZE, 2 * IMAGE_SIZE)).save(picture, "JPEG")
    return {
        SIGNATURE: ("image", np.zeros([1, IMAGE_SIZE, IMAGE_SIZE, 3], np.float32)),
        "serve_bytes": ("image_bytes", np.array([picture.getvalue()], object)),
    }


def _logged(signature: str, name: str, values: np.ndarray) -> bytes:
    """A request as the server logs it, and replays it when it loads the model."""
    from tensorflow_serving.apis import prediction_log_pb2

    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = NAME, signature
    request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    return log.SerializeToString()
