"""Pages whose numbers are results say what the tables say."""

import pytest
import write_docs


@pytest.mark.parametrize("name", write_docs.PAGES)
def test_the_page_is_its_template_with_the_numbers_of_the_tables(name):
    assert write_docs.PAGES[name].read_text() == write_docs.render(name), "run: python scripts/write_docs.py"
