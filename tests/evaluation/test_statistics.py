"""Intervals and paired tests against known truths: simulated studies, textbook formulas and hand-counted tables."""

import numpy as np
import pytest
from scipy import stats
from simulate_coverage import DESIGNS, Setting, simulate
from sklearn.metrics import roc_auc_score

from cifake_keras.evaluation.statistics import Estimate, auc_values, difference, estimate, evenly, holm, mcnemar
from cifake_keras.runtime.errors import UserError


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.title)
def test_intervals_hold_the_truth_and_the_paired_test_rejects_a_true_null_as_often_as_stated(design):
    for found in simulate(Setting(5, design, 0.6, seed_sd=1), seed=0):
        assert 0.93 <= found["coverage"] <= 0.98
        assert 0.02 <= found["rejected"] <= 0.07


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_seeds_that_alone_differ_give_their_t_test():
    seeds, images = np.array([[0.80], [0.84], [0.90]]), np.zeros(100)
    found = estimate(seeds + images)
    low, high = stats.t.interval(0.95, 2, seeds.mean(), stats.sem(seeds[:, 0]))
    assert (found.value - found.half_width, found.value + found.half_width) == pytest.approx((low, high))
    assert found.p_value == pytest.approx(stats.ttest_1samp(seeds[:, 0], 0).pvalue)
    assert (found.seeds, found.images) == (3, 100)


def test_images_that_alone_differ_weigh_once_however_many_seeds_saw_them():
    images = rng().random(100) < 0.8
    one, five = estimate(images[None]), estimate(np.tile(images, (5, 1)))
    assert five.half_width == pytest.approx(one.half_width)
    assert one.half_width == pytest.approx(stats.t.ppf(0.975, 99) * stats.sem(images))
    assert one.seeds == 1


def test_classes_weigh_by_size_or_alike_and_their_difference_is_no_error():
    correct = np.array([[1, 1, 1, 1, 1, 0, 1, 0]], bool)
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    assert estimate(correct, labels).value == pytest.approx(6 / 8)
    assert estimate(correct, labels, evenly(labels)).value == pytest.approx((5 / 6 + 1 / 2) / 2)
    error = np.sqrt(stats.sem(correct[0, :6]) ** 2 + stats.sem(correct[0, 6:]) ** 2) / 2
    assert estimate(correct, labels, evenly(labels)).standard_error == pytest.approx(error)
    separated = np.tile(labels, (3, 1))
    assert estimate(separated, labels).half_width == 0 and estimate(separated).half_width > 0


def test_pairing_takes_out_what_the_conditions_share():
    difficulty = rng().random(2000) + 0.1 * rng().random((5, 1))
    a, b = difficulty < 0.80, difficulty < 0.78
    found = difference(a, b)
    assert found.value == pytest.approx(a.mean() - b.mean())
    assert found.half_width < estimate(a).half_width / 2 and found.p_value < 0.01
    assert difference(b, a).p_value == pytest.approx(found.p_value)


def test_conditions_that_say_the_same_do_not_differ():
    correct = rng().random((3, 50)) < 0.7
    found = difference(correct, correct)
    assert (found.value, found.half_width, found.p_value) == (0, 0, 1)


def test_mcnemar_is_the_sign_test_of_each_seeds_disagreements():
    a = np.array([[1, 1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]], bool)
    b = np.array([[0, 0, 0, 0, 0, 1, 1, 0], [1, 1, 1, 1, 0, 0, 0, 0]], bool)
    assert mcnemar(a, b) == pytest.approx([2 * (1 + 6) / 2**6, 1]), "5 against 1, and none at all"


def test_holm_on_a_hand_computed_table():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_what_cannot_be_paired_or_has_no_error_is_refused():
    three, five = np.ones((3, 10), bool), np.ones((5, 10), bool)
    for compare in (difference, mcnemar):
        with pytest.raises(UserError, match="3 and 5 seeds"):
            compare(three, five)
    with pytest.raises(UserError, match="single test image"):
        estimate(three, np.arange(10) == 0)


def area(scores: np.ndarray, positive: np.ndarray, strata: np.ndarray, **design) -> Estimate:
    weights = evenly(positive, strata)
    return estimate(auc_values(scores, positive, weights), strata, weights, **design)


def test_the_area_under_the_curve_and_its_error_are_those_of_many_samples():
    positive = np.arange(100) < 60
    samples = np.round(rng().normal(size=(500, 100)) + positive, 1)  # with ties
    found = [area(scores[None], positive, positive) for scores in samples]
    assert [one.value for one in found] == pytest.approx([roc_auc_score(positive, scores) for scores in samples])
    spread = np.std([one.value for one in found])
    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.1)
    assert area(samples[:5], positive, positive).by_seeds == pytest.approx(
        np.var([f.value for f in found[:5]], ddof=1) / 5
    )


def test_a_mean_over_generators_is_that_of_their_own_areas_and_rates():
    generators = np.repeat(["", "a", "b"], (50, 20, 60))
    fake = generators != ""
    scores = rng().normal(size=(3, 130)) + fake
    of_each = [estimate_of_generator(scores, generators, name) for name in "ab"]
    assert area(scores, fake, generators).value == pytest.approx(np.mean(of_each))
    right = (scores > 0.5) == fake
    rates = [right[:, generators == name].mean() for name in ("", "a", "b")]
    balanced = estimate(right, generators, evenly(fake, generators))
    assert balanced.value == pytest.approx(rates[0] / 2 + rates[1] / 4 + rates[2] / 4)


def estimate_of_generator(scores: np.ndarray, generators: np.ndarray, name: str) -> float:
    chosen = np.isin(generators, ["", name])
    return float(np.mean([roc_auc_score(generators[chosen] == name, of_seed[chosen]) for of_seed in scores]))


def test_images_of_a_prompt_count_as_one_draw():
    of_prompts = rng().normal(size=100)
    generators, prompts = np.repeat(["a", "b", "c"], 100), np.tile(np.arange(100), 3)
    found = estimate(np.tile(of_prompts, 3)[None], generators, groups=prompts)
    assert found.standard_error == pytest.approx(stats.sem(of_prompts))
    assert found.standard_error > 1.7 * estimate(np.tile(of_prompts, 3)[None], generators).standard_error


def test_prompts_of_unequal_size_have_the_error_of_many_samples():
    chance = rng()
    samples = []
    for _ in range(400):
        prompts = np.repeat(np.arange(80), chance.integers(1, 6, 80))
        values = (chance.normal(size=80)[prompts] + chance.normal(size=len(prompts)))[None]
        samples.append(estimate(values, groups=prompts))
    assert np.mean([one.standard_error for one in samples]) == pytest.approx(
        np.std([s.value for s in samples]), rel=0.1
    )


def test_the_variance_of_one_seed_is_what_its_images_do_not_explain():
    chance = rng()
    found = [
        estimate(chance.normal(0, 0.3, (4, 1)) + chance.normal(size=200) + chance.normal(size=(4, 200)))
        for _ in range(500)
    ]
    assert np.mean([one.seed_variance for one in found]) == pytest.approx(0.09, rel=0.1)
    assert np.isnan(estimate(np.eye(3)[:1]).seed_variance)
