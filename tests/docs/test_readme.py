"""The README's commands, the demo among them: what a newcomer does first."""

import newcomer
import pytest

pytestmark = pytest.mark.slow


def test_what_the_readme_tells_to_do_can_be_done(tmp_path):
    clone = newcomer.clone(tmp_path, GRID_OPTIONS="--scale 0.05")
    newcomer.provide_pictures(tmp_path)
    clone.follow(newcomer.README)
