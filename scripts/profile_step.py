"""What a training step is made of: the milliseconds of each operation, by TensorFlow's profiler, on one thread.

Writes results/profile-<kind of processor>.csv: step, operation, milliseconds, share; a row each for the ten most
expensive operations of a step of the classifier (batch 128, bfloat16 where the processor computes in it), of the same
with perturbation and autoencoder, and of the autoencoder.
"""

import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd

from cifake_keras import protocol
from cifake_keras.protocol import AUTOENCODER, PERTURBATION
from cifake_keras.runtime import files, processes, processor

STEPS, BATCH, ROWS = 5, 128, 10


def steps() -> dict:
    """Functions that train one step each, by name."""
    import tensorflow as tf

    from cifake_keras import models
    from cifake_keras.conditions import path
    from cifake_keras.training.classifiers import SideBySide
    from cifake_keras.training.forward import forward
    from cifake_keras.training.optimizer import CoupledAdam
    from cifake_keras.training.precision import policy, resolve_precision
    from cifake_keras.training.reconstruction import Reconstruction

    dtypes = policy(resolve_precision("auto"))
    alone, coder = tf.distribute.get_strategy(), path.build(AUTOENCODER, dtypes)
    trainers, networks = {}, {"autoencoder": partial(forward, coder)}
    for name in ("baseline", "perturbed_autoencoded"):
        condition = protocol.CONDITIONS[name]
        see = partial(path.batch_walk, steps=condition.steps, networks=networks, end=condition.range)
        adam, classifier = CoupledAdam(1e-3, 1e-4), models.build("paper", precision=dtypes)
        trainers[name] = SideBySide(see, see, [classifier], [adam], alone)
    trainers["autoencoder"] = Reconstruction(AUTOENCODER, coder, {}, CoupledAdam(1e-3, 1e-4), alone)
    data = _data()
    return {name: tf.function(partial(trainer.train_step, data)) for name, trainer in trainers.items()}


def _data() -> tuple:
    """A batch, as a pipeline gives it, and its labels."""
    import tensorflow as tf

    from cifake_keras.splits.draws import draw

    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, 32, 32, 3), np.uint8)
    draws = {name: tf.constant(of) for name, of in draw((PERTURBATION,), BATCH, 0, 0).items()}
    labels = np.arange(BATCH, dtype=np.float32)[:, None] % 2
    return {"image": tf.constant(pixels), "draws": draws}, tf.constant(labels)


def operations(step) -> Counter:
    """Milliseconds a step by type of operation."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    for _ in range(3):
        step()
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for _ in range(STEPS):
            step()
        tf.profiler.experimental.stop()
        (path,) = Path(folder).rglob("*.xplane.pb")
        space = XSpace.FromString(path.read_bytes())
    spent: Counter = Counter()
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            if kind := _kind(plane.event_metadata[event.metadata_id].name):
                spent[kind] += event.duration_ps / 1e9 / STEPS
    return spent


def _kind(event: str) -> str | None:
    """The type of the operation that an event is; None of the runtime's own events."""
    if event == "CpuExecutable::ExecuteAsyncOnStream":
        return "XLA"
    # An operation's event is named "where/it/is:Type"; "Class::method" is the runtime's own.
    _, operation, kind = event.partition(":")
    return kind.removeprefix("_MklNative").removeprefix("_Mkl") if operation and kind.isidentifier() else None


@click.command()
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(results_dir: Path) -> None:
    processes.import_tensorflow(threads=1)
    rows = []
    for name, step in steps().items():
        spent = operations(step)
        rows += [(name, kind, ms, ms / spent.total()) for kind, ms in spent.most_common(ROWS)]
    table = pd.DataFrame(rows, columns=["step", "operation", "milliseconds", "share"])
    print(table.to_string(float_format="{:.3f}".format))
    files.write_text(results_dir / f"profile-{processor.kind()}.csv", table.to_csv(index=False, float_format="%.3f"))


if __name__ == "__main__":
    main()
