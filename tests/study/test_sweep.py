"""The choice among candidates."""

from dataclasses import asdict

import pytest

from cifake_keras import protocol
from cifake_keras.protocol import Hyperparameters
from cifake_keras.records import cells
from cifake_keras.runtime import files
from cifake_keras.study import sweep


@pytest.mark.parametrize("condition", protocol.CONDITIONS)
def test_groups_keep_every_candidate_in_order(condition):
    candidates = protocol.candidates("paper", condition)
    groups = sweep.groups(candidates)
    assert sum(groups, ()) == candidates
    assert max(map(len, groups)) - min(map(len, groups)) <= 1


def test_the_first_of_the_best_is_chosen_and_recorded(tmp_path):
    candidates = tuple(Hyperparameters(float(i), 0.0, 1) for i in range(9))
    accuracies = iter((0.6, 0.7, 0.5, 0.0, 0.6, 0.8, 0.9, 0.9, 0.8))
    for number, group in enumerate(sweep.groups(candidates)):
        rows = [asdict(candidate) | {"validation_accuracy": next(accuracies)} for candidate in group]
        files.write_json(cells.group_folder(tmp_path, number) / "metrics.json", {"accuracy": rows, "seconds": 1.5})
    assert sweep.chosen(tmp_path, candidates) == (candidates[6], tmp_path / "group-1")
    assert files.read_json(tmp_path / "metrics.json") == {"chosen": asdict(candidates[6])}
    assert (tmp_path / "candidates.csv").read_text().count("\n") == 10
