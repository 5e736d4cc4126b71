"""What the figures show is drawn, not picked."""

import numpy as np

from cifake_keras import models, protocol
from cifake_keras.conditions.path import build
from cifake_keras.records.examples import Examples
from cifake_keras.splits import composition
from cifake_keras.study import examples


def test_a_seed_draws_the_images(data_dir, tmp_path):
    data = composition.compose(protocol.phases("available")["phase1"], "available", data_dir)
    networks = {
        protocol.CONDITIONS["autoencoded"]: (models.build("bird_lotfi"), {"autoencoder": build(protocol.AUTOENCODER)})
    }

    def written(seed: int) -> Examples:
        examples.make("available", data, networks, seed).write(tmp_path / "examples.npz")
        return Examples.load(tmp_path / "examples.npz")

    first = written(0)
    assert set(first.labels) == {"FAKE"} and list(first.test_sets) == list(data.tests)
    assert np.array_equal(first.images, written(0).images)
    assert len({tuple(written(seed).filenames) for seed in range(4)}) > 1
    for maps in (first.input_saliency, first.image_saliency):
        assert (maps.min((2, 3)) == 0).all() and (maps.max((2, 3)) > 0.99).all()
