"""The study as data: phases, conditions, hyper-parameters and the accuracies that the paper reports.

Paper: Gokhale, Gurajala, Vogler, "ISITCAP?: Identification of Synthetic Images Through Convolutional
Autoencoder Preprocessing". Classifier and first data set: Bird & Lotfi, "CIFAKE" (arXiv 2303.14126).
No count, learning rate or published number stands anywhere else in the package.
"""

import itertools
from dataclasses import dataclass, replace

IMAGE_SIZE = 32
CLASSES = ("REAL", "FAKE")
REAL, FAKE = range(2)
KERNELS = ("bilinear", "nearest", "box", "bicubic", "lanczos")
PRESETS = ("paper", "available", "demo")
EVALUATIONS = ("matched", "clean")

# A probability_fake at or above this is called FAKE.
THRESHOLD = 0.5

# Of a source that falls short, preset `available` gives this share to the test sets.
TEST_SHARE = 1 / 3

# Of 55,000 images for training and validation, the paper validates on 5,000.
VALIDATION_SHARE = 1 / 11


@dataclass(frozen=True)
class Source:
    """A set of images and where it is kept.

    name: how phases and tables call it. dataset: its TFDS name and config below the data folder.
    command: what prepares it. origin: where its files come from, under which licence, and whom to cite.
    """

    name: str
    dataset: str
    command: str
    origin: str = ""
    licence: str = ""
    citation: str = ""


@dataclass(frozen=True)
class Draw:
    """So many images of one class, taken of one source."""

    source: str
    images: int


@dataclass(frozen=True)
class Counts:
    """The images of one split, class by class."""

    real: tuple[Draw, ...]
    fake: tuple[Draw, ...]

    def of(self, label: int) -> tuple[Draw, ...]:
        return self.fake if label == FAKE else self.real

    def draw_on(self, source: str) -> bool:
        return any(draw.source == source for draw in (*self.real, *self.fake))


@dataclass(frozen=True)
class TestSet:
    """name: its key in files. title: its heading in tables. The first of a phase is the in-sample one."""

    __test__ = False  # the name is the field's, not pytest's

    name: str
    title: str
    counts: Counts


@dataclass(frozen=True)
class Phase:
    """train holds training and validation images together, as Tables 1 and 2 do."""

    name: str
    title: str
    train: Counts
    tests: tuple[TestSet, ...]

    def draws(self) -> tuple[Draw, ...]:
        """Of all splits and both classes."""
        counts = (self.train, *(test.counts for test in self.tests))
        return tuple(draw for split in counts for draw in (*split.real, *split.fake))


@dataclass(frozen=True)
class Condition:
    """A path that an image takes to the classifier."""

    name: str
    title: str
    perturbed: bool
    autoencoded: bool


@dataclass(frozen=True)
class Hyperparameters:
    """l2 is added to the gradient of every weight and bias, as torch.optim.Adam's weight_decay.

    schedule: "constant", or "cosine": the learning rate rises to its value, then falls to zero along a cosine.
    """

    learning_rate: float
    l2: float
    epochs: int
    batch_size: int = 128
    schedule: str = "constant"


@dataclass(frozen=True)
class Perturbation:
    """What the authors ran; one decision for crop, blur and brightness together."""

    probability: float = 0.8
    crop_area: float = 0.9
    crop_ratio: float = 4 / 3  # width to height, log-uniform in [3/4, 4/3]
    blur_taps: int = 5
    blur_sigma: float = 1.0
    brightness: float = 0.5  # factor uniform in [0.5, 1.5]


def _generator(name: str, dataset: str) -> Source:
    command = f"cifake-keras data prepare image_folder --generator {name}"
    citation = "Lu et al., Seeing is not always believing, NeurIPS Datasets and Benchmarks 2023, arXiv 2304.13023"
    return Source(name, dataset, command, "Hugging Face: InfImagine/FakeImageDataset", "Apache-2.0", citation)


def _procedural(name: str) -> Source:
    return Source(name, f"procedural/{name}", "cifake-keras data prepare procedural")


SOURCES = {
    source.name: source
    for source in (
        Source(
            "CIFAKE",
            "cifake",
            "cifake-keras data prepare cifake",
            "GitHub: jordan-bird/CIFAKE-Real-and-AI-Generated-Synthetic-Images",
            "MIT",
            "Bird and Lotfi, CIFAKE, IEEE Access 12 (2024) 15642-15650, and Krizhevsky (2009) for CIFAR-10",
        ),
        Source(
            "ImageNet",
            "tiny_imagenet",
            "cifake-keras data prepare tiny_imagenet",
            "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
            "ImageNet's terms of access, for research that is not commercial",
            "Le and Yang, Tiny ImageNet Visual Recognition Challenge (2015)",
        ),
        _generator("SDv1.5", "image_folder/sdv15"),
        _generator("IFv1", "image_folder/ifv1"),
        _generator("SDv2.1", "image_folder/sdv21"),
        _generator("CogView2", "image_folder/cogview2"),
        _procedural("camera"),
        _procedural("telephone"),
        _procedural("nearest"),
        _procedural("bilinear"),
        _procedural("transposed"),
        _procedural("lowpass"),
        _procedural("smooth_colour"),
    )
}

# Tables 1 and 2 of the paper. Table 2 prints IFv1's 2,000 test images under "real"; they are fakes.
PAPER_PHASES = (
    Phase(
        "phase1",
        "Phase 1",
        Counts((Draw("CIFAKE", 55_000),), (Draw("CIFAKE", 55_000),)),
        (
            TestSet("cifake", "CIFAKE", Counts((Draw("CIFAKE", 5_000),), (Draw("CIFAKE", 5_000),))),
            TestSet("sdv15", "SDv1.5", Counts((Draw("ImageNet", 1_000),), (Draw("SDv1.5", 798),))),
            TestSet("ifv1", "IFv1", Counts((Draw("ImageNet", 1_000),), (Draw("IFv1", 1_000),))),
        ),
    ),
    Phase(
        "phase2",
        "Phase 2",
        Counts(
            (Draw("CIFAKE", 27_500), Draw("ImageNet", 27_500)),
            (Draw("CIFAKE", 27_500), Draw("SDv1.5", 22_000), Draw("IFv1", 5_500)),
        ),
        (
            TestSet(
                "in_sample",
                "In-sample",
                Counts(
                    (Draw("CIFAKE", 2_500), Draw("ImageNet", 2_500)),
                    (Draw("CIFAKE", 2_500), Draw("SDv1.5", 500), Draw("IFv1", 2_000)),
                ),
            ),
            TestSet("sdv21", "SDv2.1", Counts((Draw("ImageNet", 1_000),), (Draw("SDv2.1", 1_000),))),
            TestSet("cogview2", "CogView2", Counts((Draw("ImageNet", 1_000),), (Draw("CogView2", 1_000),))),
        ),
    ),
)

# The same two phases at about a fiftieth, on images that the package makes itself.
DEMO_PHASES = (
    Phase(
        "phase1",
        "Phase 1",
        Counts((Draw("camera", 2_200),), (Draw("nearest", 2_200),)),
        (
            TestSet("in_sample", "In-sample", Counts((Draw("camera", 500),), (Draw("nearest", 500),))),
            TestSet("bilinear", "Bilinear", Counts((Draw("telephone", 300),), (Draw("bilinear", 300),))),
            TestSet("transposed", "Transposed", Counts((Draw("telephone", 300),), (Draw("transposed", 300),))),
        ),
    ),
    Phase(
        "phase2",
        "Phase 2",
        Counts(
            (Draw("camera", 1_100), Draw("telephone", 1_100)),
            (Draw("nearest", 1_100), Draw("bilinear", 880), Draw("transposed", 220)),
        ),
        (
            TestSet(
                "in_sample",
                "In-sample",
                Counts(
                    (Draw("camera", 250), Draw("telephone", 250)),
                    (Draw("nearest", 250), Draw("bilinear", 200), Draw("transposed", 50)),
                ),
            ),
            TestSet("lowpass", "Low-pass", Counts((Draw("telephone", 300),), (Draw("lowpass", 300),))),
            TestSet("smooth_colour", "Smooth colour", Counts((Draw("telephone", 300),), (Draw("smooth_colour", 300),))),
        ),
    ),
)

CONDITIONS = {
    condition.name: condition
    for condition in (
        Condition("baseline", "Baseline", perturbed=False, autoencoded=False),
        Condition("perturbed", "Perturbations", perturbed=True, autoencoded=False),
        Condition("autoencoded", "AEC", perturbed=False, autoencoded=True),
        Condition("perturbed_autoencoded", "Aug. + AEC", perturbed=True, autoencoded=True),
    )
}

CLASSIFIERS = {"paper": "the paper's CNN", "bird_lotfi": "Bird & Lotfi's CNN"}

# What test images are put through to see how a detector bears it; ours, not the paper's. JPEG: quality, at 75 with the
# tables and the subsampling of CIFAKE's own files. Blur: sigma in pixels. Noise: standard deviation in levels of 255.
# Resize: to so many pixels and back to 32.
ALTERATIONS = {
    "jpeg": (95, 85, 75, 50, 30),
    "blur": (0.5, 1.0, 1.5, 2.0),
    "noise": (2, 5, 10, 20),
    "resize": (24, 16, 12, 8),
}

# So many in-sample test images have their saliency measured, the first of them also under random weights.
SALIENCY_IMAGES, SANITY_IMAGES = 500, 100

PERTURBATION = Perturbation()

AUTOENCODER = Hyperparameters(learning_rate=1e-3, l2=1e-4, epochs=5)


def _candidates(learning_rates, l2s, epochs) -> tuple[Hyperparameters, ...]:
    return tuple(Hyperparameters(lr, l2, epochs) for lr, l2 in itertools.product(learning_rates, l2s))


# The authors' sweeps: the candidate with the best validation accuracy is taken.
_PLAIN = _candidates((2.5e-3, 1e-3, 8e-4), (1e-2, 5e-4, 1e-4), epochs=5)
_AUTOENCODED = _candidates((1e-5, 1e-4, 1e-3, 1e-2), (1e-5, 1e-4, 1e-3, 1e-2), epochs=3)
SWEEPS = {
    "baseline": _PLAIN,
    "perturbed": _PLAIN,
    "autoencoded": _AUTOENCODED,
    "perturbed_autoencoded": _AUTOENCODED,
}

# What --no-sweep trains with: the candidate that all four sweeps have in common.
FIXED = {
    name: Hyperparameters(learning_rate=1e-3, l2=1e-4, epochs=candidates[0].epochs)
    for name, candidates in SWEEPS.items()
}

# The recipe `fast`, beside the authors': the network, its inputs and Adam stay, the rest was chosen on validation
# accuracy by scripts/choose_fast.py (results/fast/candidates.csv).
FAST = {
    name: Hyperparameters(learning_rate=2e-3, l2=1e-4, epochs=3, batch_size=256, schedule="cosine")
    for name in CONDITIONS
}

RECIPES = ("paper", "fast")

# Tables 3 and 4: accuracy in percent by phase, condition and test set. The text says that all four
# conditions were run in Phase 2; its table prints three.
PAPER_ACCURACY = {
    "phase1": {
        "baseline": {"cifake": 93.8, "sdv15": 73.9, "ifv1": 63.4},
        "perturbed": {"cifake": 87.0, "sdv15": 62.2, "ifv1": 54.3},
        "autoencoded": {"cifake": 87.6, "sdv15": 66.0, "ifv1": 54.9},
        "perturbed_autoencoded": {"cifake": 85.4, "sdv15": 54.4, "ifv1": 51.3},
    },
    "phase2": {
        "baseline": {"in_sample": 91.3, "sdv21": 93.9, "cogview2": 86.6},
        "perturbed": {"in_sample": 77.2, "sdv21": 76.7, "cogview2": 65.4},
        "autoencoded": {"in_sample": 79.8, "sdv21": 76.7, "cogview2": 71.4},
    },
}


def phases(preset: str) -> dict[str, Phase]:
    """The phases of a preset by name."""
    return {phase.name: phase for phase in (DEMO_PHASES if preset == "demo" else PAPER_PHASES)}


def uses(source: str) -> list[str]:
    """What the paper's phases take of a source, a line each: "Phase 2: train, test In-sample, SDv2.1"."""
    lines = []
    for phase in PAPER_PHASES:
        tests = [test.title for test in phase.tests if test.counts.draw_on(source)]
        splits = ["train"] * bool(phase.train.draw_on(source)) + [f"test {', '.join(tests)}"] * bool(tests)
        lines += [f"{phase.title}: {', '.join(splits)}"] * bool(splits)
    return lines


def path(condition: Condition, evaluation: str) -> Condition:
    """What test images go through: the condition's own path, or for `clean` all of it but the perturbation."""
    if evaluation == "matched" or not condition.perturbed:
        return condition
    steps = replace(condition, perturbed=False)
    return next(path for path in CONDITIONS.values() if replace(steps, name=path.name, title=path.title) == path)


def wanted(source: str) -> int:
    """The images of a source that the largest of the phases uses."""
    every = (*PAPER_PHASES, *DEMO_PHASES)
    return max(sum(draw.images for draw in phase.draws() if draw.source == source) for phase in every)
