"""The command line at a share of the paper's counts, which the environment variable SCALE gives: for trials."""

import dataclasses
import os

from cifake_keras import protocol
from cifake_keras.protocol import Counts, Draw, Phase


def scaled(phase: Phase, scale: float) -> Phase:
    """The phase with that share of its images, each number rounded."""
    tests = (dataclasses.replace(test, counts=_counts(test.counts, scale)) for test in phase.tests)
    return dataclasses.replace(phase, train=_counts(phase.train, scale), tests=tuple(tests))


def _counts(counts: Counts, scale: float) -> Counts:
    real, fake = (
        tuple(Draw(draw.source, round(draw.images * scale)) for draw in draws) for draws in (counts.real, counts.fake)
    )
    return Counts(real, fake)


# Not below the guard: the processes of --jobs import this file under another name.
if "SCALE" in os.environ:
    protocol.PAPER_PHASES = tuple(scaled(phase, float(os.environ["SCALE"])) for phase in protocol.PAPER_PHASES)

if __name__ == "__main__":
    from cifake_keras import cli

    cli.main()
