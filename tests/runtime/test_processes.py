"""What a process's TensorFlow is set to."""

import tensorflow as tf

from cifake_keras.runtime import processes


def test_float32_is_float32_on_a_gpu_too():
    tf.config.experimental.enable_tensor_float_32_execution(True)

    processes.import_tensorflow()

    assert not tf.config.experimental.tensor_float_32_execution_enabled()
