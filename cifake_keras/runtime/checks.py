"""What is looked at to tell whether an installation can work, and what to do about what is not there."""

from dataclasses import dataclass

READY, ABSENT, BROKEN = "ready", "absent", "broken"


@dataclass(frozen=True)
class Check:
    """part: what it is a part of, as "packages". state: READY, ABSENT, which is no fault, BROKEN, or another word.

    details: what is there, or why it is not. remedy: a command that mends it, "" where none does or none is needed.
    """

    part: str
    name: str
    state: str
    details: str
    remedy: str = ""
