"""What TensorBoard is given of a training."""

import numpy as np
import pytest
import tensorflow as tf
from learning import candidate, image_set, stopping
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from cifake_keras.protocol import CONDITIONS
from cifake_keras.records import cells
from cifake_keras.runtime.interruption import Interrupted
from cifake_keras.training import classifiers
from cifake_keras.training.fitting import Session

pytestmark = pytest.mark.slow

CANDIDATES = candidate(), candidate(2e-3, 1e-2)


def fit(folder, images=None, tensorboard=True):
    session = Session("test", "float32", folder, tensorboard=tensorboard)
    arguments = CONDITIONS["baseline"], "bird_lotfi", {}, CANDIDATES, 0, session
    return classifiers.train(images or image_set(160), image_set(40), *arguments)


def runs(folder):
    read = [EventAccumulator(str(folder / cells.CURVES / f"candidate-{i}")).Reload() for i in range(len(CANDIDATES))]
    assert all(run.Tags()["tensors"] for run in read)
    return read


def scalars(run, name):
    return {event.step: float(tf.make_ndarray(event.tensor_proto)) for event in run.Tensors(name)}


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """A folder, and the histories of a training that was stopped in its second epoch."""
    folder = tmp_path_factory.mktemp("training")
    with pytest.raises(Interrupted):
        fit(folder, stopping(image_set(160), 15))
    return folder, [history for _, history in fit(folder)]


def test_the_curves_are_the_history_and_a_resumed_training_does_not_double_them(resumed):
    folder, histories = resumed
    for run, history in zip(runs(folder), histories, strict=True):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert len(run.Tensors(name)) == len(history) == 3
            assert list(scalars(run, name)) == list(history["epoch"])
            assert np.allclose(list(scalars(run, name).values()), history[name])
        assert np.allclose(list(scalars(run, "images_per_second").values()), 160 / history["seconds"])


def test_each_candidate_has_its_hyperparameters(resumed):
    folder, _ = resumed
    for i, (run, values) in enumerate(zip(runs(folder), CANDIDATES, strict=True)):
        content = run.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
        session = metadata.parse_session_start_info_plugin_data(content)
        assert session.group_name == str(folder / cells.CURVES / f"candidate-{i}")
        told = session.hparams
        assert told["learning_rate"].number_value == values.learning_rate and told["l2"].number_value == values.l2
        assert told["condition"].string_value == "baseline" and told["classifier"].string_value == "bird_lotfi"


def test_drawing_changes_no_weight(resumed, tmp_path):
    _, histories = resumed
    for history, (_, plain) in zip(histories, fit(tmp_path, tensorboard=False), strict=True):
        assert history.drop(columns="seconds").equals(plain.drop(columns="seconds"))
    assert not (tmp_path / cells.CURVES).exists()
