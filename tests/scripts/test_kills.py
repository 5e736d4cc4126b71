"""The kill driver, in short: a study that is killed ends as if it had not been."""

import kills


def test_a_killed_study_ends_as_if_it_had_not_been(tmp_path):
    """It compares every file after each kill, and ends the program where one is not whole."""
    found = kills.run(1, seed=2, scale=0.002, folder=tmp_path)
    assert sum(found["kills"].values()) > 1 and found["all_identical"] and found["files_of_a_study"] > 50
