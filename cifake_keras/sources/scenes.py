"""Procedural images for the demo: two cameras photograph made-up scenes, and five generators render such.

Scenes are dead leaves: ellipses with power-law radii that hide one another, which gives the edges and the 1/f^2 power
spectrum of natural images. Each recipe leaves its own traces on scenes of its own: fine ones, of how it samples, and
with some generators a coarse one, a warm palette, which blur and an autoencoder leave. These images are never the
paper's data: they show that the program runs, and numbers from them say nothing about real generators.
"""

import io
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image
from scipy import fft, ndimage

SIZE = 32

# A recipe takes scenes and a random generator, and returns display values in about [0, 1], [n, SIZE, SIZE, 3].
Recipe = Callable[[np.ndarray, np.random.Generator], np.ndarray]

# Scenes have twice the final resolution, so that a camera has something to mosaic and edges are antialiased.
_SCENE = 2 * SIZE

# Images are made so many at a time, each chunk from its own key: this is what makes a prefix stable.
_CHUNK = 32

_LEAVES = 64
_RADII = 3.0, 40.0  # scene pixels

_BLUR = 0.4, 0.7  # of a lens, the standard deviation in scene pixels

_GRAIN = 0.01  # of generators, in display values

# What a warm palette does to the light: much more red, less blue. Scenes differ by about as much.
_WARM = np.array([1.3, 1, 0.7], np.float32)

_GAMMA = 2.2
_QUALITY = 95  # of the JPEG that every image passes

# Luma and two colour differences to RGB (BT.601), one colour a row.
_FROM_YCC = np.array([[1, 1, 1], [0, -0.344, 1.772], [1.402, -0.714, 0]], np.float32)
_TO_YCC = np.linalg.inv(_FROM_YCC)


def images(recipe: str, count: int, seed: int = 0) -> np.ndarray:
    """The first `count` images of a recipe: uint8 [count, 32, 32, 3], RGB.

    recipe: a key of RECIPES. The same recipe and seed give the same images, whatever the count: more only appends.
    Recipes share no scene.
    """
    every = list(stream(recipe, count, seed))
    return np.stack(every) if every else np.empty((0, SIZE, SIZE, 3), np.uint8)


def stream(recipe: str, count: int, seed: int = 0) -> Iterator[np.ndarray]:
    """The same, one after the other, made as they are taken."""
    index = list(RECIPES).index(recipe)
    for first in range(0, count, _CHUNK):
        yield from _chunk(RECIPES[recipe], (seed, index, first // _CHUNK))[: count - first]


def _chunk(recipe: Recipe, key: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(key)
    return _jpeg(recipe(_scenes(rng, _CHUNK), rng), _QUALITY)


# --- Scenes


def _scenes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Linear light, float32 [count, 64, 64, 3] in [0, 1]."""
    leaves = _colours(rng, count)
    top = _top_leaves(rng, count)
    light = leaves[np.arange(count)[:, None], top].reshape(count, _SCENE, _SCENE, 3)
    # Texture and shading change the amount of light, not its colour.
    return np.clip(light * np.exp(0.35 * _pink_noise(rng, count))[..., None], 0, 1)


def _colours(rng: np.random.Generator, count: int) -> np.ndarray:
    """A colour a leaf, [count, leaves, 3]: brightness varies most, as in nature, and an image has a dominant hue."""
    spread = np.array([0.17, 0.05, 0.05], np.float32)
    ycc = rng.standard_normal((count, _LEAVES, 3), np.float32) + 0.4 * rng.standard_normal((count, 1, 3), np.float32)
    display = (ycc * spread + np.array([0.5, 0, 0], np.float32)) @ _FROM_YCC
    return np.clip(display, 0.02, 0.98) ** _GAMMA


def _top_leaves(rng: np.random.Generator, count: int) -> np.ndarray:
    """Which leaf is seen at each pixel, [count, pixels]: the first that covers it, or else the last, the background."""
    y, x = np.mgrid[:_SCENE, :_SCENE].reshape(2, -1).astype(np.float32)
    monomials = np.stack([x * x, x * y, y * y, x, y, np.ones_like(x)], axis=-1)
    conics = _ellipses(rng, count)
    conics[:, -1] = 0
    return np.stack([(monomials @ image.T < 1).argmax(axis=-1) for image in conics])


def _ellipses(rng: np.random.Generator, count: int) -> np.ndarray:
    """Coefficients of x^2, xy, y^2, x, y, 1, [count, leaves, 6]; their sum is below 1 inside the ellipse."""
    shape = (count, _LEAVES)
    smallest, largest = _RADII
    # The inverse of the distribution function of a density that falls with the cube of the radius.
    radius = smallest / np.sqrt(1 - rng.random(shape) * (1 - (smallest / largest) ** 2))
    stretch, turn = rng.uniform(0.6, 1.0, shape), rng.uniform(0, np.pi, shape)
    cx, cy = rng.uniform(-8, _SCENE + 8, (2, *shape))
    p, q, cos, sin = 1 / radius**2, 1 / (radius * stretch) ** 2, np.cos(turn), np.sin(turn)
    a, b, c = p * cos**2 + q * sin**2, 2 * (p - q) * cos * sin, p * sin**2 + q * cos**2
    linear = -2 * a * cx - b * cy, -2 * c * cy - b * cx
    return np.stack([a, b, c, *linear, a * cx**2 + b * cx * cy + c * cy**2], axis=-1).astype(np.float32)


def _pink_noise(rng: np.random.Generator, count: int) -> np.ndarray:
    """[count, 64, 64], mean 0 and standard deviation 1, power falling as 1/f."""
    frequency = np.hypot(fft.fftfreq(_SCENE)[:, None], fft.rfftfreq(_SCENE))
    frequency[0, 0] = np.inf
    white = fft.rfft2(rng.standard_normal((count, _SCENE, _SCENE), np.float32))
    noise = fft.irfft2(white / np.sqrt(frequency).astype(np.float32))
    return noise / noise.std(axis=(1, 2), keepdims=True)


# --- Photographs


def camera(scenes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A photograph: lens blur, Bayer mosaic with shot and read noise, bilinear demosaicing, gamma, mild sharpening."""
    return _sharpen(_display(_photograph(scenes, rng, noise=0.05)), 0.3)


def telephone(scenes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As camera, with vignetting, more noise, stronger sharpening and a JPEG of its own (quality 85)."""
    y, x = np.mgrid[-1 : 1 : _SCENE * 1j, -1 : 1 : _SCENE * 1j].astype(np.float32)
    vignette = 1 - 0.12 * (x * x + y * y)
    photograph = _photograph(scenes * vignette[..., None], rng, noise=0.06)
    return _jpeg(_sharpen(_display(photograph), 0.4), 85) / np.float32(255)


def _photograph(scenes: np.ndarray, rng: np.random.Generator, noise: float) -> np.ndarray:
    mosaic = _lens(scenes, rng) * _bayer_masks()
    # Shot noise grows with the square root of the light; 0.02 stands for the read noise.
    mosaic += noise * np.sqrt(mosaic + 0.02) * rng.standard_normal(mosaic.shape, np.float32) * _bayer_masks()
    return np.clip(_reduce(_demosaic(mosaic)), 0, 1)


def _lens(scenes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gaussian blur of a random width an image: photographs lie between crisp and soft generators."""
    sigma = rng.uniform(*_BLUR, (len(scenes), 1, 1, 1)).astype(np.float32)
    frequency = np.hypot(fft.fftfreq(_SCENE)[:, None], fft.rfftfreq(_SCENE)).astype(np.float32)
    transfer = np.exp(-2 * (np.pi * sigma * frequency[..., None]) ** 2)
    return np.maximum(fft.irfft2(fft.rfft2(scenes, axes=(1, 2)) * transfer, axes=(1, 2)), 0)


def _bayer_masks() -> np.ndarray:
    """Which of red, green and blue a photosite measures, [64, 64, 3]: rows RGRG... and GBGB..."""
    masks = np.zeros((_SCENE, _SCENE, 3), np.float32)
    masks[0::2, 0::2, 0] = masks[0::2, 1::2, 1] = masks[1::2, 0::2, 1] = masks[1::2, 1::2, 2] = 1
    return masks


def _demosaic(mosaic: np.ndarray) -> np.ndarray:
    """The missing colours of a pixel are the means of the nearest photosites that measure them."""
    cross = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
    square = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32) / 4
    kernels = square, cross, square
    full = [ndimage.convolve(mosaic[..., c], kernels[c][None], mode="mirror") for c in range(3)]
    return np.stack(full, axis=-1)


# --- Generators


def nearest(scenes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Warm; made at 16 px, sharpened, doubled by nearest-neighbour up-sampling: crisp 2x2 blocks."""
    return _doubled(_rendered(_reduce(_warm(scenes)), rng, sharpening=1.0), (1, 1))


def bilinear(scenes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Warm; made at 16 px, doubled by bilinear up-sampling: soft, every other pixel the mean of its neighbours."""
    return _doubled(_rendered(_reduce(_warm(scenes)), rng, sharpening=0.0), (0.5, 1, 0.5))


def transposed(scenes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Made at 16 px, doubled by a transposed convolution whose kernel is uneven: a checkerboard of period 2."""
    return _doubled(_rendered(_reduce(scenes), rng, sharpening=0.5), (0.45, 1.1, 0.45))


def lowpass(scenes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Nothing above 0.3 cycles a pixel: a cut-off in the spectrum, with its ringing."""
    frequency = np.hypot(fft.fftfreq(SIZE)[:, None], fft.rfftfreq(SIZE))
    spectrum = fft.rfft2(_rendered(scenes, rng, sharpening=0.5), axes=(1, 2)) * (frequency < 0.3)[..., None]
    return fft.irfft2(spectrum, axes=(1, 2))


def smooth_colour(scenes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Warm; sharp brightness, colour blurred by a Gaussian (2 px): hues bleed over edges."""
    ycc = _rendered(_warm(scenes), rng, sharpening=0.5) @ _TO_YCC
    ycc[..., 1:] = ndimage.gaussian_filter(ycc[..., 1:], (0, 2, 2, 0), mode="mirror")
    return ycc @ _FROM_YCC


def _warm(scenes: np.ndarray) -> np.ndarray:
    """The palette of a generator that prefers the light of the evening."""
    return np.minimum(scenes * _WARM, 1)


def _rendered(scenes: np.ndarray, rng: np.random.Generator, sharpening: float) -> np.ndarray:
    """At half the scenes' size, sharpened, with a trace of grain."""
    display = _sharpen(_display(_reduce(scenes)), sharpening)
    return display + _GRAIN * rng.standard_normal(display.shape, np.float32)


def _doubled(small: np.ndarray, kernel: tuple[float, ...]) -> np.ndarray:
    """Zeros between the pixels, then a separable kernel: every up-sampling by 2 is this."""
    count, side, _, channels = small.shape
    large = np.zeros((count, 2 * side, 2 * side, channels), np.float32)
    large[:, ::2, ::2] = small
    for axis in (1, 2):
        large = ndimage.convolve1d(large, kernel, axis=axis, mode="mirror", origin=-(len(kernel) % 2 == 0))
    return large


# --- What both kinds share


def _reduce(scenes: np.ndarray) -> np.ndarray:
    """Half the size, by means over 2x2 pixels."""
    count, side, _, channels = scenes.shape
    return scenes.reshape(count, side // 2, 2, side // 2, 2, channels).mean(axis=(2, 4))


def _display(linear: np.ndarray) -> np.ndarray:
    return linear ** np.float32(1 / _GAMMA)


def _sharpen(display: np.ndarray, amount: float) -> np.ndarray:
    """Unsharp masking."""
    return display + amount * (display - ndimage.gaussian_filter(display, (0, 1, 1, 0), mode="mirror"))


def _jpeg(display: np.ndarray, quality: int) -> np.ndarray:
    """Display values to uint8, through a JPEG without colour subsampling: format is no trace of a recipe."""
    levels = (np.clip(display, 0, 1) * 255 + 0.5).astype(np.uint8)
    return np.stack([_through_jpeg(image, quality) for image in levels])


def _through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling=0)
    return np.asarray(Image.open(file))


RECIPES: dict[str, Recipe] = {
    recipe.__name__: recipe for recipe in (camera, telephone, nearest, bilinear, transposed, lowpass, smooth_colour)
}
