"""What scripts/bench.py measured, as a table: beside the bound, earlier code and PyTorch."""

import statistics

from tabulate import tabulate

from cifake_keras import protocol

TOGETHER = 4  # candidates side by side
SIDE_BY_SIDE = f", {TOGETHER} side by side"
TITLES = {"authors": "PyTorch, authors'", "best": "PyTorch, best", "compiled": "PyTorch, best, compiled"}


def summary(measured: dict, operations: dict[str, int], precision: str) -> dict:
    """measured: lists of operations or images a second by (what, side). precision: whose peak is the bound."""
    speeds: dict = {}
    for (what, side), values in measured.items():
        speeds.setdefault(what, {})[side] = {"median": statistics.median(values), "all": values}
    peaks = {dtype: values["median"] for dtype, values in speeds.pop("peak").items()}
    for what, sides in speeds.items():
        for side, values in sides.items():
            if limit := bound(peaks[precision], operations, what, side):
                values |= {"bound": limit, "share_of_bound": values["median"] / limit}
    return {"peak_flops": peaks, "operations_an_image": operations, "images_a_second": speeds}


def bound(peak: float, operations: dict[str, int], what: str, side: str) -> float | None:
    """Images a second at the matrix-product peak; None where that is not a training.

    Candidates side by side share a reconstruction. Those of `autoencoded` are made once and not counted.
    """
    if what == "autoencoder training":
        return peak / operations["autoencoder"]
    if what not in protocol.CONDITIONS:
        return None
    shared = TOGETHER if side.endswith(SIDE_BY_SIDE) else 1
    reconstructing = operations["autoencoder forward"] / shared if what == "perturbed_autoencoded" else 0
    return peak / (operations["classifier"] + reconstructing)


def markdown(result: dict) -> str:
    """result: what results/bench-<kind>.json holds."""
    lines = ["# Speed", *_captions(result), _table(result)]
    memory = ", ".join(f"{name} {value / 2**30:.2f} GiB" for name, value in result["peak_memory_bytes"].items())
    lines.append(f"Peak memory, libraries that processes share counted once: {memory}.")
    if grid := result.get("reduced_grid_seconds"):
        lines.append(
            f"Reduced grid (the demo's Phase 1 with the authors' sweeps, start-up and export included): ours "
            f"{grid['ours']:.0f} s, PyTorch as the authors wrote it {grid['authors']:.0f} s: "
            f"{grid['authors'] / grid['ours']:.1f} times."
        )
    return "\n\n".join(lines) + "\n"


def _captions(result: dict) -> list[str]:
    bfloat16, old = result["precision"] == "bfloat16", result["commits"].get("old")
    ours = "bfloat16 with float32 weights" if bfloat16 else "float32"
    torch = "bfloat16 autocast and channels_last" if bfloat16 else "float32 and channels_last"
    peaks = ", ".join(f"{value / 1e9:.0f} GFLOP/s in {dtype}" for dtype, value in result["peak_flops"].items())
    counted = ", ".join(f"{name} {value / 1e6:.1f}" for name, value in result["operations_an_image"].items())
    return [
        "Written by `make bench` on a processor of kind {kind} ({model}, {cores} cores)".format(**result["processor"])
        + (f"; old is commit {old} in the same run." if old else "."),
        "Training is end to end from prepared uint8 images, batch 128, the paper's classifier; medians over rounds in "
        "which the sides take turns. Ours: a process of one thread on each core, their images/s added, in "
        f"{ours}. PyTorch's best: {torch}. Prediction and examination are in float32 on all sides. A cell's "
        "examination scores test images on every path and altered in every way, and measures the saliency of some by "
        "every method.",
        f"Matrix products: {peaks}. Million operations an image, counted layer by layer: {counted}. The bound is the "
        f"{result['precision']} peak over the operations of a training step; reconstructions of `autoencoded` are made "
        "once and not counted.",
    ]


def _table(result: dict) -> str:
    headings = (
        "What",
        "Side",
        "Images/s",
        "Range",
        "Of the bound",
        "Times old",
        "Times authors'",
        "Times best PyTorch",
    )
    rows = [_row(what, side, sides) for what, sides in result["images_a_second"].items() for side in sides]
    return tabulate(rows, headings, "pipe", disable_numparse=True, colalign=("left",) * 2 + ("right",) * 6)


def _row(what: str, side: str, sides: dict[str, dict]) -> tuple[str, ...]:
    speed, share = sides[side]["median"], sides[side].get("share_of_bound")
    others = {
        "old": [sides[side.replace("ours", "old")]] if side.replace("ours", "old") in sides else [],
        "authors": [sides[name] for name in ("authors",) if name in sides],
        "best": [sides[name] for name in ("best", "compiled") if name in sides],
    }
    spread = sides[side]["all"]
    return (
        what,
        TITLES.get(side, side),
        f"{speed:,.0f}",
        f"{min(spread):,.0f} to {max(spread):,.0f}",
        f"{100 * share:.0f}%" if share else "",
        *(f"{speed / max(of['median'] for of in other):.2f}" if other else "" for other in others.values()),
    )
