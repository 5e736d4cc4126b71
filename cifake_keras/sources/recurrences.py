"""Images that another source has too, or their own twice, as scripts/recurring.py has listed them."""

import csv
from pathlib import Path

LIST = Path(__file__).with_name("recurring.csv")
COLUMNS = ("source", "filename", "reason")


def of(source: str) -> dict[str, str]:
    """Of each file name that is left out of `source`, why."""
    with open(LIST, newline="", encoding="utf-8") as file:
        return {row["filename"]: row["reason"] for row in csv.DictReader(file) if row["source"] == source}
