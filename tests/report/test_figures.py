"""Figures exist for both phases, hold what the examples hold, and nothing on them is clipped or overlaps."""

import itertools

import numpy as np
import pytest

from cifake_keras import protocol
from cifake_keras.report import figures
from cifake_keras.runtime.errors import UserError


def write_examples(results, phase="phase1", preset="available", conditions=tuple(protocol.PAPER_CONDITIONS), **others):
    tests = [test.name for test in protocol.phases(preset)[phase].tests]
    random = np.random.default_rng(0)
    maps = (len(tests), len(conditions), 32, 32)
    arrays = {"test_sets": tests, "labels": ["FAKE"] * len(tests), "filenames": ["a.jpg"] * len(tests)}
    arrays |= {"conditions": conditions, "preset": preset}
    arrays |= {name: random.integers(0, 256, (len(tests), 32, 32, 3), np.uint8) for name in ("images", "perturbed")}
    arrays |= {name: random.random(maps, np.float32) for name in ("input_saliency", "image_saliency")}
    arrays |= {"inputs": random.random((*maps, 3), np.float32), "probability_fake": random.random(maps[:2], np.float32)}
    path = results / "runs" / phase / "examples.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **(arrays | others))
    return path


def texts(figure):
    own = [text for axes in figure.axes for text in (*axes.texts, axes.yaxis.label)]
    return [text for text in (*figure.texts, *own) if text.get_text().strip()]


def pictures(figure):
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


def load(tmp_path, phase="phase1", **settings):
    return figures.Examples.load(write_examples(tmp_path, phase, **settings))


def test_all_four_as_png_and_pdf(tmp_path):
    write_examples(tmp_path, "phase1")
    write_examples(tmp_path, "phase2")
    written = figures.write(tmp_path)
    names = {f"figure{number}.{suffix}" for number in (1, 2, 3, 4) for suffix in ("png", "pdf")}
    assert {path.name for path in written} == names == {path.name for path in (tmp_path / "figures").iterdir()}
    for path in written:
        assert path.read_bytes().startswith(b"\x89PNG" if path.suffix == ".png" else b"%PDF")


def test_rerun_is_byte_identical(tmp_path, monkeypatch):
    write_examples(tmp_path)
    before = {path: path.read_bytes() for path in figures.write(tmp_path)}
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")  # another date than today's
    assert {path: path.read_bytes() for path in figures.write(tmp_path)} == before


@pytest.mark.parametrize("phases, numbers", [((), {2}), (("phase1",), {1, 2, 3}), (("phase2",), {1, 2, 4})])
def test_missing_examples_skip_their_figures(tmp_path, phases, numbers):
    for phase in phases:
        write_examples(tmp_path, phase)
    assert {path.stem for path in figures.write(tmp_path)} == {f"figure{number}" for number in numbers}


def test_first_figure_shows_each_condition(tmp_path):
    examples = load(tmp_path)
    shown = pictures(figures.inputs_of_conditions(examples, "phase1"))
    assert len(shown) == 4 * 3
    expected = (examples.images[0] / 255, examples.perturbed[0] / 255, examples.inputs[0, 2], examples.inputs[0, 3])
    for picture, image in zip(shown[::3], expected, strict=True):
        np.testing.assert_allclose(picture, image)


def test_saliency_shows_both_gradients_behind_an_autoencoder(tmp_path):
    # The file's order of conditions is not the protocol's.
    examples = load(tmp_path, conditions=("autoencoded", "baseline"))
    figure = figures.saliency(examples, "phase1")
    shown = pictures(figure)
    expected = (examples.inputs[:, 1], examples.input_saliency[:, 1])
    expected += (examples.inputs[:, 0], examples.input_saliency[:, 0], examples.image_saliency[:, 0])
    for picture, image in zip(shown, itertools.chain(*expected), strict=True):
        np.testing.assert_array_equal(picture, image)
    words = [text.get_text() for text in texts(figure)]
    assert {"SDv1.5\nFAKE", "Baseline", "AEC", f"P(fake) {examples.probability_fake[2, 0]:.2f}"} <= set(words)


@pytest.mark.parametrize("preset", ["available", "demo"])
def test_demo_is_marked(tmp_path, preset):
    examples = load(tmp_path, preset=preset)
    for draw in (figures.inputs_of_conditions, figures.saliency):
        words = " ".join(text.get_text() for text in texts(draw(examples, "phase1")))
        assert ("Procedural images" in words) == (preset == "demo")


def test_second_figure_has_a_lane_a_condition():
    words = [text.get_text() for text in texts(figures.paths_of_conditions())]
    assert {protocol.CONDITIONS[name].title for name in protocol.PAPER_CONDITIONS} <= set(words)
    assert (words.count("CNN"), words.count("perturbation"), words.count("autoencoder")) == (4, 2, 2)


@pytest.mark.parametrize("conditions", [tuple(protocol.PAPER_CONDITIONS), ("baseline",)])
@pytest.mark.parametrize("draw", [figures.inputs_of_conditions, figures.saliency])
def test_no_text_is_clipped_or_overlaps(tmp_path, draw, conditions):
    check_layout(draw(load(tmp_path, "phase2", preset="demo", conditions=conditions), "phase2"))


def test_no_text_of_the_diagram_is_clipped_or_overlaps():
    check_layout(figures.paths_of_conditions())


def check_layout(figure):
    figure.canvas.draw()
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(figure)]
    boxes += [("picture", axes.get_window_extent()) for axes in figure.axes if axes.images]
    for name, box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, name
    for (name, box), (other_name, other) in itertools.combinations(boxes, 2):
        assert not box.overlaps(other), (name, other_name)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"test_sets", b"tests_set"),
    ],
)
def test_damaged_examples_are_named(tmp_path, damage):
    path = write_examples(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r"examples\.npz is damaged"):
        figures.write(tmp_path)
    assert not (tmp_path / "figures").exists()


def test_examples_of_another_shape_are_refused(tmp_path):
    write_examples(tmp_path, probability_fake=np.zeros((3, 1)))
    with pytest.raises(UserError, match="probability_fake"):
        figures.write(tmp_path)
