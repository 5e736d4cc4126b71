"""What TensorBoard is given of a training."""

import numpy as np
import pytest
import tensorflow as tf
from learning import candidate, image_set, stopping
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, list_session_groups, metadata
from tensorboard.plugins.hparams.backend_context import Context

from cifake_keras.conditions import path
from cifake_keras.protocol import AUTOENCODER, CONDITIONS, UNIT
from cifake_keras.records import cells
from cifake_keras.runtime.interruption import Interrupted
from cifake_keras.splits.batches import training_batches
from cifake_keras.training import classifiers, reconstruction
from cifake_keras.training.fitting import Session

pytestmark = pytest.mark.slow

CANDIDATES = candidate(), candidate(2e-3, 1e-2)


def fit(folder, images=None, tensorboard=True):
    session = Session("test", "float32", folder, tensorboard=tensorboard)
    arguments = CONDITIONS["perturbed"], "bird_lotfi", {}, CANDIDATES, 0, session
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
        fit(folder, stopping(image_set(160), 20))
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
        assert told["condition"].string_value == "perturbed" and told["classifier"].string_value == "bird_lotfi"


def test_hparams_has_a_session_for_each_candidate_with_its_validation_accuracy(resumed):
    """As TensorBoard's own plugin reads it."""
    folder, histories = resumed
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(folder / cells.CURVES)).Reload()
    provider = MultiplexerDataProvider(multiplexer, str(folder))
    context = Context(TBContext(data_provider=provider, logdir=str(folder)))
    request = api_pb2.ListSessionGroupsRequest(slice_size=10, allowed_statuses=[api_pb2.STATUS_UNKNOWN])
    groups = list_session_groups.Handler(RequestContext(), context, "", request).run().session_groups
    accuracies = {
        group.hparams["learning_rate"].number_value: metric.value
        for group in groups
        for metric in group.metric_values
        if metric.name.tag == "val_accuracy"
    }
    expected = [history["val_accuracy"].iloc[-1] for history in histories]
    assert [accuracies[of.learning_rate] for of in CANDIDATES] == pytest.approx(expected)


def decoded(event):
    """Images of an event: float [n, 32, 32, 3] in [0, 1]."""
    width, height, *images = tf.make_ndarray(event.tensor_proto)
    assert (width, height) == (b"32", b"32")
    return np.stack([tf.io.decode_png(image).numpy() for image in images]) / 255


def test_images_are_those_of_the_training_batch_after_its_path(resumed):
    folder, _ = resumed
    condition = CONDITIONS["perturbed"]
    batch, _ = next(iter(training_batches(image_set(160), condition.steps, 8, 0, 0)))
    seen = path.batch_walk(batch, condition.steps, {}, UNIT)
    event = runs(folder)[0].Tensors("images")[-1]
    assert event.step == 3 and np.abs(decoded(event) - np.clip(seen, 0, 1)).max() < 0.01
    assert "images" not in runs(folder)[1].Tags()["tensors"], "all candidates see the same"


def test_an_autoencoder_has_its_images_beside_what_it_makes_of_them(tmp_path):
    step = AUTOENCODER.fitted_with(candidate()).seeded(1)
    session = Session("test", "float32", tmp_path, tensorboard=True)
    network, _ = reconstruction.train(step, {}, image_set(32), image_set(16), session)
    run = EventAccumulator(str(tmp_path / cells.CURVES)).Reload()
    images, reconstructions = (decoded(run.Tensors(name)[-1]) for name in ("images", "reconstructions"))
    expected = path.walk(tf.constant(images, tf.float32), (step,), {step.name: network}, UNIT)
    assert images.shape == (8, 32, 32, 3) and np.abs(reconstructions - np.clip(expected, 0, 1)).max() < 0.02


def test_drawing_changes_no_weight(resumed, tmp_path):
    _, histories = resumed
    for history, (_, plain) in zip(histories, fit(tmp_path, tensorboard=False), strict=True):
        assert history.drop(columns="seconds").equals(plain.drop(columns="seconds"))
    assert not (tmp_path / cells.CURVES).exists()
