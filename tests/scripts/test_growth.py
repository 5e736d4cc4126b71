"""What scripts/growth.py measures is what it says it is."""

import growth

from cifake_keras.records import finished


def test_cells_that_tables_are_timed_with_are_whole(tmp_path):
    growth.write_cells(tmp_path / "results", 20)
    phases = finished.read(tmp_path / "results")
    assert [len(phase) for phase in phases] == [12, 8]
    weights = next((tmp_path / "results").rglob("seed-0/model.weights.h5"))
    assert weights.stat().st_size > 2**23, "what is hashed has the size of a classifier"
