"""SavedModels that need no line of this package."""

import json
from pathlib import Path

import keras
import tensorflow as tf

from cifake_keras.conditions import detector
from cifake_keras.files import replacing
from cifake_keras.protocol import IMAGE_SIZE, Condition

_RESIZE_METHODS = {
    "nearest": tf.image.ResizeMethod.NEAREST_NEIGHBOR,
    "box": tf.image.ResizeMethod.AREA,
    "bilinear": tf.image.ResizeMethod.BILINEAR,
    "bicubic": tf.image.ResizeMethod.BICUBIC,
    "lanczos": tf.image.ResizeMethod.LANCZOS3,
}

MODEL_CARD = Path("assets.extra") / "model_card.json"


def write(
    folder: Path,
    condition: Condition,
    classifier: keras.Model,
    autoencoder: keras.Model | None,
    kernel: str,
    card: dict,
) -> None:
    """Writes the SavedModel of a condition; `folder` appears, or is replaced, as a whole.

    Signatures: `serving_default` takes `image`, float32 [batch, 32, 32, 3] in [0, 1]; `serve_bytes` takes
    `image_bytes`, encoded images of any size. Both return {"probability_fake": float32 [batch]}.
    """
    model = detector(condition, classifier, autoencoder)
    archive = keras.export.ExportArchive()
    archive.track(model)

    def serve(image):
        return {"probability_fake": tf.sigmoid(model(image, training=False))[:, 0]}

    def serve_bytes(image_bytes):
        spec = tf.TensorSpec([IMAGE_SIZE, IMAGE_SIZE, 3], tf.float32)
        return serve(tf.map_fn(lambda content: _decode(content, kernel), image_bytes, fn_output_signature=spec))

    shape = [None, IMAGE_SIZE, IMAGE_SIZE, 3]
    archive.add_endpoint("serving_default", serve, [tf.TensorSpec(shape, tf.float32, name="image")])
    archive.add_endpoint("serve_bytes", serve_bytes, [tf.TensorSpec([None], tf.string, name="image_bytes")])
    with replacing(folder) as temporary:
        archive.write_out(temporary, verbose=False)
        (temporary / MODEL_CARD).parent.mkdir()
        (temporary / MODEL_CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def _decode(content: tf.Tensor, kernel: str) -> tf.Tensor:
    """An encoded image to float32 [32, 32, 3] in [0, 1], by the operations that prepared the training images."""
    pixels = tf.cond(
        tf.io.is_jpeg(content),
        # The default of TensorFlow's decoder trades accuracy for speed; Pillow's does not.
        lambda: tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_image(content, channels=3, expand_animations=False),
    )
    pixels.set_shape([None, None, 3])
    antialias = kernel != "nearest"
    resized = tf.image.resize(pixels, [IMAGE_SIZE, IMAGE_SIZE], _RESIZE_METHODS[kernel], antialias=antialias)
    return tf.clip_by_value(tf.round(tf.cast(resized, tf.float32)), 0, 255) / 255
