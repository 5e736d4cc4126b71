"""What scripts/full_counts.py makes and counts, at a five-hundredth of the paper's counts and without training."""

import full_counts
import pytest
import stand_ins
from click.testing import CliRunner

from cifake_keras import cli, protocol
from cifake_keras.records import cells
from cifake_keras.runtime import files
from cifake_keras.splits import composition

pytestmark = pytest.mark.slow

SCALE = 0.002

# Table 2 by hand, but for its validation images, a tenth of those for training.
USED = {
    "train": {"REAL CIFAKE": 50, "REAL ImageNet": 50, "FAKE CIFAKE": 50, "FAKE SDv1.5": 40, "FAKE IFv1": 10},
    "validation": {"REAL CIFAKE": 5, "REAL ImageNet": 5, "FAKE CIFAKE": 5, "FAKE SDv1.5": 4, "FAKE IFv1": 1},
    "in_sample": {"REAL CIFAKE": 5, "REAL ImageNet": 5, "FAKE CIFAKE": 5, "FAKE SDv1.5": 1, "FAKE IFv1": 4},
    "sdv21": {"REAL ImageNet": 2, "FAKE SDv2.1": 2},
    "cogview2": {"REAL ImageNet": 2, "FAKE CogView2": 2},
}


@pytest.fixture(scope="module")
def phase():
    return protocol.phases("paper", SCALE)["phase2"]


@pytest.fixture(scope="module")
def composed(phase, tmp_path_factory):
    """The phase's images, prepared from stand-ins by the commands that the script runs."""
    folder = tmp_path_factory.mktemp("full")
    archives = stand_ins.write(phase, folder / "archives")
    for command, options in full_counts.commands(archives, SCALE, folder).items():
        if command != full_counts.GRID:
            done = CliRunner().invoke(cli.main, [*command.split()[1:], *map(str, options)])
            assert done.exit_code == 0, done.output
    return composition.compose(phase, "paper", folder / "data")


def test_the_images_used_are_those_of_the_table(phase, composed):
    used = full_counts.used(composed.data)
    assert full_counts.by_split(used) == USED
    assert full_counts.as_table(used) == full_counts.table(phase)


def test_a_condition_that_used_other_images_is_noticed(phase, composed, tmp_path):
    for condition in protocol.PAPER_CONDITIONS:
        (cell,) = cells.grid([phase.name], [condition], ["paper"], protocol.evaluation_seeds(1))
        metrics = cell.folder(tmp_path) / cells.METRICS
        files.write_json(metrics, {"data": composed.data, "environment": {}})
    assert full_counts.checked(phase, tmp_path)["images"] == 248
    files.write_json(metrics, {"data": composed.data[1:], "environment": {}})
    with pytest.raises(SystemExit, match=f"{condition} used other images than Phase 2 has"):
        full_counts.checked(phase, tmp_path)


def test_no_image_stands_in_twice(composed):
    digests = [
        digest
        for part in (composed.train, composed.validation, *composed.tests.values())
        for digest in part.examples["digest"]
    ]
    assert len(set(digests)) == len(digests) == 248
