"""Everything that the protocol names, and every metric: a new one is tested by being named.

A step keeps shape and range, a classifier learns, is saved and loaded, a source can be prepared, a metric takes any
scores. What else one of them promises is tested beside the others of its kind.
"""

import re
import shlex
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import NETWORKS

from cifake_keras import models, protocol
from cifake_keras.cli import main
from cifake_keras.conditions import path
from cifake_keras.detector import saved_model
from cifake_keras.evaluation.metrics import METRICS, metrics
from cifake_keras.protocol import (
    BACKBONES,
    CLASSIFIERS,
    CONDITIONS,
    FAKE,
    KERNELS,
    PERTURBATION,
    READINGS,
    REAL,
    SOURCES,
    Application,
    Clip,
    Condition,
    Lite,
    Step,
    Transformer,
    VariationalAutoencoder,
)
from cifake_keras.sources import BUILDERS, Provider
from cifake_keras.splits.draws import draw

PRECISIONS = ("float32", "mixed_bfloat16")
IMAGES = np.random.default_rng(0).random((6, 32, 32, 3), np.float32)


def _small(step: Step) -> Step:
    """A step whose network a test has time for."""
    match step.settings:
        case VariationalAutoencoder() as settings:
            return replace(step, settings=replace(settings, filters=(32, 32, 32, 32), blocks=1))
        case Transformer() as settings:
            sizes = {"hidden_dim": 64, "num_layers": 2, "num_heads": 2, "intermediate_dim": 128}
            arguments = tuple((dict(settings.arguments) | sizes).items())
            return replace(step, settings=replace(settings, arguments=arguments, side=112), gives=(64,))
        case Application() | Lite() as settings:
            return replace(step, settings=replace(settings, side=64))
        case Clip() as settings:
            return replace(step, settings=replace(settings, side=112))
        case _:
            return step


def _rounded(step: Step, bound: float) -> float:
    """The bound of what rounding may do; many normalisations behind each other, on random weights, make more of it."""
    return 4 * bound if step.file == "variational_autoencoder" else bound


# Those of every condition under every reading; what they are trained with makes no difference here. Of pretrained
# autoencoders of a file the first: the others have other weights, and fewer latents.
READ = [reading.read(condition) for reading in READINGS.values() for condition in CONDITIONS.values()]
STEPS = {
    (step.file or step.name, getattr(step.settings, "side", step.settings)): _small(step)
    for condition in reversed(READ)
    for step in condition.steps
}


@pytest.fixture(scope="module", params=STEPS.values(), ids=lambda step: step.name)
def walked(request):
    """A step, what takes images through it alone, in its own range, and its networks."""
    step: Step = request.param
    if step.file == "variational_autoencoder":
        pytest.importorskip("keras_hub")
    networks = {step.name: path.build(step)} if step.network else {}

    def walk(images: np.ndarray, draws: dict, networks=networks) -> tf.Tensor:
        return path.walk(images, (step,), networks, step.range, step.range, draws)

    return step, walk, networks


def in_range(step: Step) -> np.ndarray:
    low, high = step.range
    return low + (high - low) * IMAGES


def test_a_step_keeps_shape_range_and_dtype(walked):
    step, walk, _ = walked
    images = walk(in_range(step), draw((step,), len(IMAGES), 1, 0)).numpy()
    assert images.shape == IMAGES.shape and images.dtype == np.float32
    assert step.range[0] <= images.min() and images.max() <= step.range[1]


def test_a_step_gives_an_image_the_same_alone_and_in_a_batch(walked):
    step, walk, _ = walked
    draws = draw((step,), len(IMAGES), 1, 0)
    together = walk(in_range(step), draws)
    for i in range(len(IMAGES)):
        alone = walk(in_range(step)[i : i + 1], {name: of[i : i + 1] for name, of in draws.items()})
        np.testing.assert_allclose(alone[0], together[i], atol=_rounded(step, 3e-5))


def test_the_network_of_a_step_computes_in_both_precisions_and_is_kept(walked, tmp_path):
    step, walk, networks = walked
    if not step.network:
        return
    draws = draw((step,), len(IMAGES), 1, 0)
    images = walk(in_range(step), draws).numpy()
    halved = path.in_precision((step,), networks, "mixed_bfloat16")
    assert {weight.dtype for weight in halved[step.name].weights} == {"float32"}
    rounded = walk(in_range(step), draws, halved)
    assert rounded.dtype == tf.float32 and 0 < np.abs(rounded - images).max() < _rounded(step, 0.1)
    networks[step.name].save_weights(tmp_path / "model.weights.h5")
    loaded = path.build(step, seed=7)
    loaded.load_weights(tmp_path / "model.weights.h5")
    assert np.array_equal(walk(in_range(step), draws, {step.name: loaded}), images)


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=lambda condition: condition.name)
def test_a_condition_is_complete(condition: Condition):
    """Its steps are described and told apart, its clean path is free of chance, and every classifier has candidates."""
    names = [step.name for step in condition.steps]
    assert len(names) == len(set(names))
    streams = [step.stream for step in condition.steps if step.draws]
    assert len(streams) == len(set(streams)), "steps of one stream would have the same chance"
    assert not any(step.draws for step in condition.path("clean"))
    for evaluation in protocol.EVALUATIONS:
        steps = protocol.PATHS[protocol.path_name(condition.name, evaluation)]
        assert steps == condition.path(evaluation) and not any(step.training_only for step in steps)
    for classifier in CLASSIFIERS:
        candidates = protocol.candidates(classifier, condition.name)
        assert candidates and len({(each.epochs, each.batch_size) for each in candidates}) == 1, "trained side by side"
        assert protocol.fixed(classifier, condition.name).epochs == candidates[0].epochs


@pytest.fixture(scope="module", params=NETWORKS)
def classifier(request) -> keras.Model:
    network = models.build(request.param, seed=3)
    if models.is_fitted_at_once(request.param):
        models.fit(network, seen_by(network), np.arange(len(IMAGES)) % 2, CLASSIFIERS[request.param].candidates[0])
    return network


def seen_by(classifier: keras.Model) -> np.ndarray:
    """Images, or what could be features of them."""
    shape = (len(IMAGES), *classifier.input_shape[1:])
    return IMAGES if shape == IMAGES.shape else np.random.default_rng(1).random(shape, np.float32)


def test_a_classifier_gives_a_logit_an_image_in_both_precisions(classifier):
    name, seen = classifier.name, seen_by(classifier)
    assert name in CLASSIFIERS, "a file names its network as it is named itself"
    for precision in PRECISIONS:
        network = models.with_weights(models.build(name, precision=precision), classifier)
        logits = network(seen)
        assert logits.shape == (len(IMAGES), 1) and logits.dtype == tf.float32
        assert {weight.dtype for weight in network.trainable_weights} <= {"float32"}
        np.testing.assert_allclose(logits, classifier(seen), atol=0.05)


def test_the_seed_decides_a_classifiers_weights(classifier):
    """Or the images that it is fitted to."""
    if models.is_fitted_at_once(classifier.name):
        assert (classifier(seen_by(classifier))[:, 0] > 0).numpy().tolist() == [False, True] * 3
        return
    again, other = (models.build(classifier.name, seed) for seed in (3, 4))
    assert equal(again, classifier) and not equal(other, classifier)


def equal(*networks: keras.Model) -> bool:
    return all(np.array_equal(*pair) for pair in zip(*(network.get_weights() for network in networks), strict=True))


def test_gradients_reach_every_weight_of_a_classifier(classifier):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(classifier(seen_by(classifier), training=True) - 1))
    gradients = tape.gradient(loss, classifier.trainable_variables)
    assert all(gradient is not None and np.abs(gradient).max() > 0 for gradient in gradients)


def test_a_saved_classifier_answers_as_it_did(classifier, tmp_path):
    """Its weights alone, and the SavedModel that needs none of our code."""
    seen = seen_by(classifier)
    logits = classifier(seen).numpy()
    classifier.save_weights(tmp_path / "model.weights.h5")
    loaded = models.build(classifier.name)
    loaded.load_weights(tmp_path / "model.weights.h5")
    assert np.array_equal(loaded(seen), logits)
    if seen is not IMAGES:
        return
    card = {"condition": "baseline", "classifier": classifier.name}
    saved_model.write(tmp_path / "saved", CONDITIONS["baseline"], classifier, {}, KERNELS[0], card)
    np.testing.assert_allclose(saved_model.load(tmp_path / "saved")(IMAGES), 1 / (1 + np.exp(-logits[:, 0])), atol=1e-6)
    assert equal(saved_model.read(tmp_path / "saved", card)[1], classifier)


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_can_be_prepared(name):
    """By the command that it names, with the builder and the config that its data set has."""
    source = SOURCES[name]
    dataset, _, config = source.dataset.partition("/")
    configs = Provider().get_builder_cls(dataset).builder_configs
    assert config in configs if config else not configs
    program, *arguments = shlex.split(source.command)
    assert program == "cifake-keras" and arguments[:3] == ["data", "prepare", dataset] and dataset in BUILDERS
    prepare = main.commands["data"].commands["prepare"]
    options = {option for parameter in prepare.params for option in parameter.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= options
    if source.origin:
        assert source.licence and re.search(r"\b(19|20)\d\d\b", source.citation), "whom to cite, and of which year"


# A step of each network: with and without weights, and at any size, it is the same.
FROZEN = {(step.file or step.name, getattr(step.settings, "network", "")): step for step in BACKBONES.values()}


@pytest.fixture(scope="module", params=FROZEN.values(), ids=lambda step: step.name)
def backbone(request):
    """A backbone and its features of the images."""
    if request.param.file == "hub":
        pytest.importorskip("keras_hub")
    step = _small(request.param)
    return step, _features(step, path.build(step))


def _features(step: Step, network: keras.Model) -> np.ndarray:
    """As a graph computes them, which the grid and SavedModels are."""
    return tf.function(lambda images: path.walk(images, (step,), {step.name: network}, step.range))(IMAGES).numpy()


def test_a_backbone_gives_features_that_float16_can_hold(backbone):
    step, features = backbone
    assert features.shape == (len(IMAGES), *step.gives) and features.dtype == np.float32
    kept = features.astype(np.float16)
    assert np.isfinite(kept).all() and (kept.std(0) > 1e-3).mean() > 0.3, "images differ in them"
    assert protocol.output_shape((step,)) == step.gives and protocol.kept((PERTURBATION, step)) == (PERTURBATION, step)


def test_the_seed_decides_a_backbones_weights_and_a_file_keeps_them(backbone, tmp_path):
    step, features = backbone
    other = path.build(step, seed=1)
    assert np.abs(_features(step, other) - features).max() > 1e-3
    path.build(step).save_weights(tmp_path / "backbone.weights.h5")
    other.load_weights(tmp_path / "backbone.weights.h5")
    assert np.abs(_features(step, other) - features).mean() < 1e-4 * features.std()


@pytest.mark.parametrize("backbone", BACKBONES.values(), ids=lambda step: step.name)
def test_a_pretrained_backbone_has_a_control_and_says_what_it_has_seen(backbone):
    if backbone.weights:
        assert backbone.weights.seen and backbone.weights.licence and backbone.weights.origin.startswith("https://")
        control = BACKBONES[f"{backbone.name}_random"]
        assert control.settings == backbone.settings and control.gives == backbone.gives and not control.weights
    assert f"{backbone.name}_linear" in CLASSIFIERS


SCORES = np.random.default_rng(1).random(50).astype(np.float32)
LABELS = np.arange(50) % 2


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_takes_any_scores(name):
    """Perfect ones and their contrary are its extremes; order changes nothing; without a class it may be None."""
    of, order = METRICS[name].of, np.random.default_rng(2).permutation(50)
    value, right, wrong = (of(LABELS, scores.astype(np.float32), 0.5) for scores in (SCORES, LABELS, 1 - LABELS))
    assert isinstance(value, float) and (right < value < wrong or right > value > wrong)
    assert of(LABELS[order], SCORES[order], 0.5) == pytest.approx(value)
    for label in (REAL, FAKE):
        alone = of(np.full(50, label), SCORES, 0.5)
        assert alone is None or np.isfinite(alone)


def test_every_metric_has_a_heading_of_its_own():
    titles = [metric.title for metric in METRICS.values()]
    assert len(set(titles)) == len(titles) and METRICS.keys() <= metrics(LABELS, SCORES).keys()
