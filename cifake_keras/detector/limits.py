"""Where verdicts begin and end: the probabilities of a model card by error rate, or a threshold of one's own."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from cifake_keras.protocol import ERROR_RATE, THRESHOLD
from cifake_keras.runtime.errors import UserError


class Limits(NamedTuple):
    """The verdict is REAL below `real_below`, FAKE from `fake_from` on, and UNSURE between them."""

    real_below: float
    fake_from: float

    def verdict(self, probability_fake: float) -> str:
        """REAL, FAKE or UNSURE."""
        if probability_fake >= self.fake_from:
            return "FAKE"
        return "REAL" if probability_fake < self.real_below else "UNSURE"


def at(threshold: float) -> Limits:
    """Without UNSURE."""
    return Limits(threshold, threshold)


def of_card(card: Mapping[str, Any], error_rate: float | None = None) -> Limits:
    """Those of a model card, by default for 5%; of a card without them its threshold, where no rate is asked for.

    Raises UserError where the card has none for `error_rate`.
    """
    points = {of["error_rate"]: Limits(of["real_below"], of["fake_from"]) for of in card.get("verdicts", ())}
    if error_rate is None and not points:
        return at(card.get("threshold", THRESHOLD))
    wanted = ERROR_RATE if error_rate is None else error_rate
    if wanted not in points:
        known = f"it has {', '.join(f'{rate:g}' for rate in points)}" if points else "it has none"
        raise UserError(f"The model card states no verdicts for the error rate {wanted:g}: {known}. Name a threshold.")
    return points[wanted]
