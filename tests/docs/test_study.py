"""The commands of docs/study.md, one after the other, on a study of a five-hundredth the size."""

import newcomer
import pytest

pytestmark = pytest.mark.slow


def test_the_study_can_be_run_as_its_page_tells(tmp_path):
    clone = newcomer.clone(tmp_path)
    newcomer.provide_archives(tmp_path)
    clone.follow(newcomer.STUDY)
