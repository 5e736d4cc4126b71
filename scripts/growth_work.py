"""What scripts/growth.py has a process do that has just imported TensorFlow."""

import dataclasses
import time
from functools import partial
from pathlib import Path

from memory import peak_memory

from cifake_keras import protocol

BATCH, WARM_UP, STEPS = 128, 10, 150


def trained(data_dir: Path, count: int) -> dict[str, float]:
    """Composing, beginning an epoch, images a second of its first STEPS, and the peak memory of this process."""
    import tensorflow as tf

    from cifake_keras import models
    from cifake_keras.conditions.path import batch_walk
    from cifake_keras.splits import batches, composition
    from cifake_keras.training.classifiers import SideBySide
    from cifake_keras.training.optimizer import CoupledAdam
    from cifake_keras.training.precision import policy, resolve_precision

    draws = (protocol.Draw("CIFAKE", count * 11 // 24),)
    phase = dataclasses.replace(protocol.PAPER_PHASES[0], train=protocol.Counts(draws, draws), tests=())
    started = time.monotonic()
    images = composition.compose(phase, "available", data_dir).train
    composed = time.monotonic()
    epoch = batches.training_batches(images, (), BATCH, seed=0, epoch=0)
    next(iter(epoch))
    begun = time.monotonic()
    see = partial(batch_walk, steps=(), networks={}, end=protocol.UNIT)
    classifier = models.build("paper", precision=policy(resolve_precision("auto")))
    alone = tf.distribute.get_strategy()
    model = SideBySide(see, see, [classifier], [CoupledAdam(1e-3, 1e-4)], alone)
    model.compile(jit_compile=False)
    model.fit(epoch.take(WARM_UP), shuffle=False, verbose=0)
    fitting = time.monotonic()
    model.fit(epoch.take(STEPS), shuffle=False, verbose=0)
    return {
        "composing_seconds": composed - started,
        "beginning_an_epoch_seconds": begun - composed,
        "images_a_second": STEPS * BATCH / (time.monotonic() - fitting),
        "peak_memory_bytes": peak_memory(),
    }


def first_used(data_dir: Path) -> float:
    """Seconds of resizing the images of a prepared source, once."""
    from cifake_keras.sources import prepared

    started = time.monotonic()
    prepared.load(data_dir, "cifake", protocol.KERNELS[0])
    return time.monotonic() - started
