"""Tables of the equal-size test set, the routes to 32 px and the verdicts, from scores made by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest
import recompute
from support import write_cell

from cifake_keras import protocol
from cifake_keras.records import cells, examined
from cifake_keras.records.scores import Scores
from cifake_keras.report import charts, diversity, isolation, systems, tables, verdicts

# Ten photographs; of the same ten prompts an image of each of two generators; six images of a third, without prompts.
PROMPTED, OTHER = ("DrawBench SDv1.4", "DrawBench SDv2.1"), "SDv1.1"
IMAGES = pd.DataFrame(
    [("equal_size", 0, "ImageNet native", "", f"{i}.jpg", 0) for i in range(10)]
    + [("equal_size", 1, name, name, f"Colors/{i}/{name}.jpg", 0) for name in PROMPTED for i in range(10)]
    + [("equal_size", 1, OTHER, OTHER, f"{i}.png", 0) for i in range(6)],
    columns=["test_set", "label", "source", "generator", "filename", "in_training"],
)
SOURCE = IMAGES["source"].to_numpy()
IN_SAMPLE = IMAGES.assign(test_set="cifake", source="CIFAKE")


def examine(
    results, condition: str, seed: int, right: float, shift: float = 0.0, phase="phase1", images=IMAGES
) -> None:
    """right: how far logits lie on the right side of `shift`; on a detour all of them are lower by 3.

    Phases that are ours alone have no altered images and no saliency.
    """
    noise = np.random.default_rng((seed, *condition.encode())).normal(0, 0.1, len(images))
    logits = right * (2.0 * images["label"].to_numpy() - 1) + shift + noise
    thorough = protocol.phases("available")[phase].thorough
    views = [f"kernel-{kernel}" for kernel in protocol.KERNELS[1:]]
    detours = [f"detour-{kernel}" for kernel in protocol.KERNELS]
    cell = write_cell(results, condition, seed, missing=("ifv1",), phase=phase).parent
    folder = cell / "examination"
    folder.mkdir()
    Scores(
        paths=dict.fromkeys(protocol.PATHS, logits),
        altered=dict.fromkeys(views, logits) | dict.fromkeys(detours, logits - 3) if thorough else {},
        validation=dict.fromkeys(protocol.EVALUATIONS, np.array([shift - 1, shift + 1])),
        validation_labels=np.array([0, 1]),
    ).write(folder / cells.SCORES)
    columns = ["method", "image", "entropy", "gini", "top_share", "similarity_to_random"]
    if thorough:
        maps = pd.DataFrame([("vanilla_gradient", i, i, 0.5, 0.5, 0.1) for i in range(2)], columns=columns)
        maps.to_csv(folder / cells.DISPERSION, index=False)
    (folder / cells.METRICS).write_text('{"seconds": 1}')
    images.to_csv(cells.phase_folder(results, phase) / "images.csv", index=False)


@pytest.fixture(scope="module")
def phase(tmp_path_factory) -> examined.Examined:
    results = tmp_path_factory.mktemp("results")
    for seed in (1, 2):
        examine(results, "baseline", seed, right=1, shift=2)
        examine(results, "perturbed", seed, right=-1)
        examine(results, "autoencoded", seed, right=1)
    (read,) = examined.read(results)
    return read


def rows(made, **chosen) -> pd.DataFrame:
    frame = pd.DataFrame(made)
    return frame[np.logical_and.reduce([frame[name] == value for name, value in chosen.items()])]


def test_each_generator_is_told_from_all_photographs_and_the_mean_weighs_them_alike(phase):
    found = rows(isolation.generators(phase), condition="perturbed", evaluation="clean").set_index("generator")
    assert list(found.index) == [*PROMPTED, OTHER, isolation.MEAN]
    assert list(found["n_fake"]) == [10, 10, 6, 26] and set(found["n_real"]) == {10}
    assert (found["auc"] == 0).all() and (found["balanced_accuracy_fixed"] == 0).all()


def test_a_shift_of_all_scores_costs_accuracy_at_one_half_and_none_at_the_threshold_of_validation(phase):
    found = rows(isolation.generators(phase), condition="baseline", generator=isolation.MEAN)
    assert np.allclose(found["auc"], 1) and np.allclose(found["balanced_accuracy_validation"], 100)
    assert np.allclose(found["balanced_accuracy_fixed"], 50), "all logits are above 0"


def test_images_of_one_prompt_are_drawn_together(phase):
    assert len(set(phase.groups)) == 10 + 10 + 6
    assert np.array_equal(phase.groups[PROMPTED[0] == SOURCE], phase.groups[PROMPTED[1] == SOURCE])


def test_a_route_that_photographs_alone_take_gives_them_away(phase):
    found = rows(isolation.routes(phase), condition="perturbed")
    assert len(found) == len(protocol.KERNELS) * 4
    auc = found.groupby(["photographs", "fakes"])["auc"].mean()
    assert auc["direct", "direct"] == auc["detour", "detour"] == auc["direct", "detour"] == 0
    assert auc["detour", "direct"] == pytest.approx(1), "photographs by way of 64 px have the lower logits"


def test_the_figure_of_routes_has_a_curve_a_way(phase):
    figure = charts.routes(phase, pd.DataFrame(isolation.routes(phase)))
    assert len(figure.axes) == 3 * 3, "metrics, conditions"
    assert all(len(axis.containers) == 4 for axis in figure.axes)


def test_a_verdict_follows_from_its_rule(phase):
    made = list(verdicts.judged(phase))
    assert len(made) == 4, "of two pairs, two metrics: the other test sets and the fourth condition are not there"
    words = {(row["b"], row["metric"]): row["verdict"] for row in made}
    assert words["perturbed", "auc"] == words["perturbed", "balanced_accuracy"] == "better"
    assert words["baseline", "auc"] == words["baseline", "balanced_accuracy"] == "equal"


def test_a_second_program_finds_the_same_numbers(tmp_path, capsys):
    for seed in (1, 2):
        for condition, right in zip(protocol.PAPER_CONDITIONS, (1, 0.05, 0.1, 0.2), strict=True):
            examine(tmp_path, condition, seed, right)
            examine(tmp_path, condition, seed, right, phase="diverse0", images=pd.concat([IMAGES, IN_SAMPLE]))
            examine(tmp_path, condition, seed, 2 * right, phase="diverse500")
    tables.write(tmp_path)
    recompute.check(tmp_path)
    checked = capsys.readouterr().out
    assert "routes: 720 numbers" in checked and "systems: 24 numbers" in checked
    path = tmp_path / "tables" / "generators.csv"
    changed = pd.read_csv(path)
    changed.loc[3, "auc"] -= 0.01
    changed.to_csv(path, index=False)
    with pytest.raises(SystemExit, match="not the same numbers: generators"):
        recompute.check(tmp_path)


def test_a_more_diverse_training_set_is_compared_with_cifake_alone(tmp_path):
    for seed in (1, 2):
        examine(tmp_path, "baseline", seed, right=0, phase="diverse0")
        examine(tmp_path, "perturbed", seed, right=1, phase="diverse0")
        examine(tmp_path, "baseline", seed, right=1, phase="diverse500")
    found = pd.DataFrame(diversity.curve(examined.read(tmp_path))).set_index("pairs")
    assert list(found.index) == [0, 500] and set(found["n_fake"]) == {10 + 6}, (
        "of DrawBench's two, SDv1.4 made CIFAKE's"
    )
    assert found.loc[500, "auc"] == pytest.approx(1) and 0.3 < found.loc[0, "auc"] < 0.7
    assert found.loc[500, "auc_difference"] == pytest.approx(found.loc[500, "auc"] - found.loc[0, "auc"])
    assert np.isnan(found.loc[0, "auc_difference"]) and 0 < found.loc[500, "auc_p"] < 1


def test_systems_are_compared_side_by_side(tmp_path):
    for seed, (condition, right) in itertools.product((1, 2), (("baseline", 1), ("perturbed", -1))):
        examine(tmp_path, condition, seed, right, phase="diverse0", images=pd.concat([IMAGES, IN_SAMPLE]))
    table = pd.DataFrame(systems.side_by_side(examined.read(tmp_path)[0]))
    assert list(table["condition"]) == ["baseline", "perturbed"] and set(table["seeds"]) == {2}
    for name, (best, worst) in {"accuracy": (100, 0), "auc": (1, 0), "balanced_accuracy": (100, 0)}.items():
        assert np.allclose(table[name], (best, worst)), name
    assert set(table["n_real"]) == {10} and set(table["n_fake"]) == {26}
