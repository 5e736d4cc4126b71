"""The choice among candidates."""

from dataclasses import asdict

import pytest

from cifake_keras import protocol
from cifake_keras.protocol import Hyperparameters
from cifake_keras.records import cells
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.study import sweep


@pytest.mark.parametrize("condition", protocol.CONDITIONS)
def test_groups_keep_every_candidate_in_order(condition):
    candidates = protocol.candidates("paper", condition)
    groups = sweep.groups(candidates)
    assert sum(groups, ()) == candidates
    assert max(map(len, groups)) - min(map(len, groups)) <= 1


CANDIDATES = tuple(Hyperparameters(float(i), 0.0, 1) for i in range(9))


@pytest.fixture
def swept(tmp_path):
    """The folder of a sweep whose groups are done."""
    accuracies = iter((0.6, 0.7, 0.5, 0.0, 0.6, 0.8, 0.9, 0.9, 0.8))
    for number, group in enumerate(sweep.groups(CANDIDATES)):
        rows = [asdict(candidate) | {"validation_accuracy": next(accuracies)} for candidate in group]
        files.write_json(cells.group_folder(tmp_path, number) / "metrics.json", {"accuracy": rows, "seconds": 1.5})
    return tmp_path


def test_the_first_of_the_best_is_chosen_and_recorded(swept):
    assert sweep.chosen(swept, CANDIDATES) == CANDIDATES[6]
    assert files.read_json(swept / "metrics.json") == {"chosen": asdict(CANDIDATES[6])}
    assert (swept / "candidates.csv").read_text().count("\n") == 10


def test_a_group_that_lacks_a_candidate_is_refused(swept):
    path = swept / "group-1" / "metrics.json"
    recorded = files.read_json(path)
    files.write_json(path, recorded | {"accuracy": recorded["accuracy"][1:]})
    with pytest.raises(UserError, match="the accuracy of 3 candidates, not of 4"):
        sweep.chosen(swept, CANDIDATES)
