"""What setup.cfg cannot say: the README as a package index shows it, where no file of the repository is beside it."""

import re
from pathlib import Path

from setuptools import setup

README = Path(__file__).with_name("README.md")

# Of Markdown, links and images that are not addresses. The repository has no address yet that they could be given.
RELATIVE = re.compile(r"(!?)\[([^]]*)\]\((?!https?:)[^)]*\)")


def unlinked(page: str) -> str:
    """The page with the text of such links in their place, and without such images."""
    return RELATIVE.sub(lambda link: "" if link[1] else link[2], page)


setup(
    long_description=unlinked(README.read_text(encoding="utf-8")),
    long_description_content_type="text/markdown",
)
