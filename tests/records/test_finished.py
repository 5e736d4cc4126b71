"""Finished cells are read as they were written, in the protocol's order; what does not belong together is refused."""

import math

import pytest
from support import scores, write_cell

from cifake_keras.records import finished
from cifake_keras.runtime.errors import UserError


def test_cells_come_by_phase_in_the_protocols_order(tmp_path):
    write_cell(tmp_path, phase="phase2")
    for condition, seed in (("perturbed", 0), ("baseline", 10), ("baseline", 2)):
        write_cell(tmp_path, condition, seed)
    first, second = finished.read(tmp_path)
    assert [str(done.cell) for done in first] == [
        "phase1 baseline paper seed 2",
        "phase1 baseline paper seed 10",
        "phase1 perturbed paper seed 0",
    ]
    assert [done.cell.phase for done in second] == ["phase2"]
    assert first[0].images("CIFAKE", ("train", "validation"), "FAKE") == 54_990
    assert first[0].images("nothing", ("train",), "FAKE") == 0


def test_a_cell_without_a_metric_is_read(tmp_path):
    recorded = {name: value for name, value in scores(0.9).items() if name != "ece"}
    write_cell(tmp_path, tests={"cifake": {"matched": recorded | {"auc": None, "of the future": 1}}})
    ((done,),) = finished.read(tmp_path)
    read = done.tests["cifake"]["matched"]
    assert "ece" not in read and math.isnan(read["auc"]) and read["accuracy"] == 0.9


def test_readings_of_the_paper_are_not_mixed(tmp_path):
    write_cell(tmp_path)
    write_cell(tmp_path, seed=2, reading="chosen", scale=1.0)
    assert len(finished.read(tmp_path)[0]) == 2, "cells of before there were readings are of the chosen one"
    write_cell(tmp_path, seed=3, reading="linear_latent")
    with pytest.raises(UserError, match="mixes readings"):
        finished.read(tmp_path)


def test_a_scaled_phase_wants_fewer_images(tmp_path):
    write_cell(tmp_path, scale=0.01)
    ((done,),) = finished.read(tmp_path)
    assert sum(draw.images for draw in done.phase.tests[0].counts.of(1)) == 50
