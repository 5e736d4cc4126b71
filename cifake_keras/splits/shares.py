"""How many images a source gives to each split: the protocol's counts, or what there is."""

from collections import Counter
from collections.abc import Mapping

from cifake_keras import protocol
from cifake_keras.protocol import CLASSES, FAKE, REAL, TRAIN, VALIDATION, Counts, Phase
from cifake_keras.runtime.errors import UserError

# How many images of each split a source gives to a class: {(source, label): {split: images}}.
Shares = dict[tuple[str, int], Counter[str]]

# Images held out, and images for training: None where both come out of one list.
Sizes = Mapping[tuple[str, int], tuple[int, int | None]]


def _counts(phase: Phase) -> dict[str, Counts]:
    return {TRAIN: phase.train, **{test.name: test.counts for test in phase.tests}}


def _wanted(phase: Phase) -> Shares:
    wanted: Shares = {}
    for split, counts in _counts(phase).items():
        for label in (REAL, FAKE):
            for draw in counts.of(label):
                wanted.setdefault((draw.source, label), Counter())[split] += draw.images
    return wanted


def deal_shares(phase: Phase, preset: str, sizes: Sizes) -> Shares:
    """What each pool gives: the protocol's counts, or in preset `available` what there is, evenly by class."""
    wanted = _wanted(phase)
    shares = {key: _fit(share, *sizes.get(key, (0, None))) for key, share in wanted.items()}
    short = {key for key in wanted if shares[key] != _with_validation(wanted[key])}
    if short and preset == "paper":
        raise UserError(_what_is_missing(phase, wanted, sizes, short))
    if short:
        _balance(shares)
    return shares


def _with_validation(share: Counter[str]) -> Counter[str]:
    validation = round(share[TRAIN] * protocol.VALIDATION_SHARE)
    return share + Counter({VALIDATION: validation}) - Counter({TRAIN: validation})


def _fit(wanted: Counter, held_out: int, train: int | None) -> Counter[str]:
    """`wanted` cut down to what a pool has. A pool that falls short gives its tests a third, or what they want."""
    share = _with_validation(wanted)
    tests = sum(wanted.values()) - wanted[TRAIN]
    if train is not None:
        fits = min(1.0, held_out / (tests + share[VALIDATION]))
        return Counter({split: min(train, n) if split == TRAIN else int(n * fits) for split, n in share.items()})
    if held_out >= sum(wanted.values()):
        return share
    to_tests = min(tests, int(held_out * protocol.TEST_SHARE) if wanted[TRAIN] else held_out)
    cut = {split: n * to_tests // tests for split, n in wanted.items() if split != TRAIN}
    return _with_validation(Counter({TRAIN: min(wanted[TRAIN], held_out - to_tests)}) + Counter(cut))


def _balance(shares: Shares) -> None:
    """Thins the larger class of every split, each source in proportion, until both classes are equal."""
    for split in {split for share in shares.values() for split in share}:
        totals = [sum(share[split] for (_, of), share in shares.items() if of == label) for label in (REAL, FAKE)]
        larger = REAL if totals[REAL] > totals[FAKE] else FAKE
        keys = [key for key in shares if key[1] == larger and shares[key][split]]
        left, target = totals[larger], min(totals)
        for key in keys:
            thinned = round(shares[key][split] * target / left)
            left, target = left - shares[key][split], target - thinned
            shares[key][split] = thinned


def _what_is_missing(phase: Phase, wanted: Shares, sizes: Sizes, short: set[tuple[str, int]]) -> str:
    lines = [f"{phase.title} of preset paper lacks images (preset available takes what there is):"]
    for source, label in sorted(short):
        total = sum(wanted[source, label].values())
        held_out, train = sizes.get((source, label), (0, None))
        lines.append(f"  {source} {CLASSES[label]}: {total:,} wanted, {held_out + (train or 0):,} there;")
        lines.append(f"    {protocol.SOURCES[source].command}")
    return "\n".join(lines)
