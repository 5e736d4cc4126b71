"""Image files to pixels in TensorFlow's operations alone, as `sources.reading` decodes them.

AutoGraph makes operations of what is written as Python here, where one thing is looked at only if another holds. No
operation can be tried: one that fails ends the whole batch. So what a file says of itself is read before any of it is
decoded, and what it says must be right.
"""

import functools
from collections.abc import Callable

import tensorflow as tf

from cifake_keras.detector.resizing import middle, resize
from cifake_keras.sources import reading

_JPEG, _PNG, _GIF, _BMP = b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM"

_HEADER = 54  # bytes; none of these formats has a file that is smaller

# The sections that are looked at, that of EXIF last. Of JPEG the first three are those that say how large it is.
_SCAN, _END = b"\xff\xda", b"\xff\xd9"
_SEGMENTS = (b"\xff\xc0", b"\xff\xc1", b"\xff\xc2", _SCAN, b"\xff\xe1Exif\0\0")
_PNG_CHUNKS = (b"tRNS", b"IEND", b"eXIf")
_WEBP_CHUNKS = (b"ANMF", b"EXIF")

# Sections of a container that are looked at; PNG of ordinary programs have one for 8,192 bytes.
_MAX_SECTIONS = 20_000

# Of functions that have nothing but operations: AutoGraph takes seconds to look through them all.
_unconverted = tf.autograph.experimental.do_not_convert


def decode(contents: tf.Tensor, size: int, kernel: str) -> tf.Tensor:
    """float32 [n, size, size, 3] in [0, 1], of what is refused NaN. contents: strings [n], image files.

    Fails where an image's pixels are damaged. kernel: one of `protocol.KERNELS`.
    """
    shape = [size, size, 3]
    return tf.map_fn(_decoder(size, kernel), contents, fn_output_signature=tf.TensorSpec(shape, tf.float32))


def ask(contents: tf.Tensor, network: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """float32 [n]: what a network says of each image's middle, as `decode`.

    network: float32 [1, height, width, 3] in [0, 1] to float32 [1].
    """
    asked = _unconverted(lambda pixels: network(_unit(pixels)[None])[0])
    each = _of_pixels(lambda pixels: asked(middle(pixels)), [])
    return tf.map_fn(each, contents, fn_output_signature=tf.TensorSpec([], tf.float32))


@functools.cache
def _decoder(size: int, kernel: str) -> Callable[[tf.Tensor], tf.Tensor]:
    """Of one image. Kept, as it takes seconds to trace."""
    return _of_pixels(lambda pixels: _unit(resize(pixels, size, kernel)), [size, size, 3])


def _of_pixels(view: Callable[[tf.Tensor], tf.Tensor], shape: list[int]) -> Callable[[tf.Tensor], tf.Tensor]:
    """Of a file, what `view` makes of its pixels, uint8 [height, width, 4]: float32 of that shape; NaN if refused."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def of_file(content: tf.Tensor) -> tf.Tensor:
        sections = _sections(content)
        seen = tf.fill(shape, float("nan"))
        if _is_readable(content, sections):
            seen = view(_pixels(content, sections))
        return seen

    return of_file


@_unconverted
def _unit(pixels: tf.Tensor) -> tf.Tensor:
    return tf.cast(pixels, tf.float32) / 255


def _sections(content: tf.Tensor) -> tf.Tensor:
    """Strings [n]: what the sections that are looked at hold; empty ones are missing."""
    sections = tf.constant([b""])
    if tf.strings.length(content) < _HEADER:
        pass
    elif _starts(content, _JPEG):
        sections = _find(content, 2, _segment, _SEGMENTS)
    elif _starts(content, _PNG):
        sections = _find(content, 8, _png_chunk, _PNG_CHUNKS)
    elif _is_webp(content):
        sections = _find(content, 12, _webp_chunk, _WEBP_CHUNKS)
    return tf.ensure_shape(sections, [None])


def _is_readable(content: tf.Tensor, sections: tf.Tensor) -> tf.Tensor:
    """Whether it is one of the formats, whole as far as its sections tell, and within the limits."""
    length = tf.strings.length(content)
    if length < _HEADER or length > reading.MAX_BYTES:
        readable = False
    elif _starts(content, _JPEG):
        readable = _is_readable_jpeg(sections)
    elif _starts(content, _PNG):
        readable = _is_readable_png(content, sections)
    elif _is_webp(content):
        readable = _is_readable_webp(content, sections[0])
    elif _starts(content, _GIF):
        readable = _is_readable_gif(content)
    else:
        readable = _starts(content, _BMP) and _is_readable_bmp(content)
    return readable


def _pixels(content: tf.Tensor, sections: tf.Tensor) -> tf.Tensor:
    """uint8 [height, width, 4], upright, of an animation the first frame."""
    if _starts(content, _JPEG):
        # The default of TensorFlow's decoder trades accuracy for speed; Pillow's does not.
        pixels = _opaque(tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE"))
    elif _starts(content, _PNG):
        pixels = tf.io.decode_png(content, channels=4)
    elif _is_webp(content):
        pixels = _webp(content, sections[0])
    elif _starts(content, _GIF):
        pixels = _gif(content)
    else:
        pixels = _bmp(content)
    return _upright(tf.ensure_shape(pixels, [None, None, 4]), sections[-1])


@_unconverted
def _is_size(width: tf.Tensor, height: tf.Tensor) -> tf.Tensor:
    sides = tf.cast([width, height], tf.int64)
    return tf.reduce_all((sides > 0) & (sides <= reading.MAX_SIDE)) & (tf.reduce_prod(sides) <= reading.MAX_PIXELS)


# JPEG and PNG


def _is_readable_jpeg(sections: tf.Tensor) -> tf.Tensor:
    """Its pixels must have an end, which damage and thumbnails before them have not."""
    frame, scan = tf.strings.reduce_join(sections[:3]), sections[3]
    readable = False
    if tf.strings.length(frame) > 5 and _is_size(_big(frame, 3, 2), _big(frame, 1, 2)):
        levels = tf.io.decode_raw(scan, tf.uint8)
        readable = tf.reduce_any((levels[:-1] == _END[0]) & (levels[1:] == _END[1]))
    return readable


@_unconverted
def _is_readable_png(content: tf.Tensor, sections: tf.Tensor) -> tf.Tensor:
    """A transparent colour of 16 bits is refused as in `sources.png`."""
    is_whole = sections[1] != b""
    is_refused = (_big(content, 24, 1) == 16) & (sections[0] != b"")
    return _is_size(_big(content, 16, 4), _big(content, 20, 4)) & is_whole & ~is_refused


# WebP


@_unconverted
def _is_webp(content: tf.Tensor) -> tf.Tensor:
    return _starts(content, b"RIFF") & (tf.strings.substr(content, 8, 4) == b"WEBP")


def _is_readable_webp(content: tf.Tensor, frame: tf.Tensor) -> tf.Tensor:
    """frame: the first of an animation."""
    width, height = _webp_size(content)
    readable = _is_size(width, height) & (_little(content, 4, 4) + 8 <= tf.strings.length(content))
    if readable and _is_animated(content):
        readable = False
        if tf.strings.length(frame) > 24:
            right, below = (
                2 * _little(frame, 0, 3) + _little(frame, 6, 3),
                2 * _little(frame, 3, 3) + _little(frame, 9, 3),
            )
            readable = (right < width) & (below < height)
    return readable


@_unconverted
def _is_animated(content: tf.Tensor) -> tf.Tensor:
    return (tf.strings.substr(content, 12, 4) == b"VP8X") & (_little(content, 20, 1) // 2 % 2 == 1)


def _webp_size(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Width and height."""
    kind = tf.strings.substr(content, 12, 4)
    if kind == b"VP8X":
        width, height = _little(content, 24, 3) + 1, _little(content, 27, 3) + 1
    elif kind == b"VP8L":
        both = _little(content, 21, 4)
        width, height = both % 2**14 + 1, both // 2**14 % 2**14 + 1
    else:
        width, height = _little(content, 26, 2) % 2**14, _little(content, 28, 2) % 2**14
    return width, height


def _webp(content: tf.Tensor, frame: tf.Tensor) -> tf.Tensor:
    if _is_animated(content):
        # TensorFlow 2.21 writes beyond its memory where an animation has no transparency.
        pixels = _webp_frame(frame, *_webp_size(content))
    else:
        pixels = _opaque(tf.io.decode_image(content, expand_animations=False))
    return pixels


def _webp_frame(frame: tf.Tensor, width: tf.Tensor, height: tf.Tensor) -> tf.Tensor:
    """A frame as a WebP of its own, decoded; around it all is transparent."""
    size = tf.strings.substr(frame, 6, 6)
    inside = b"WEBPVP8X\x0a\0\0\0\x10\0\0\0" + size + tf.strings.substr(frame, 16, tf.strings.length(frame))
    length = tf.bitcast(tf.strings.length(inside), tf.uint8)
    byte = tf.constant([bytes([value]) for value in range(256)])
    content = b"RIFF" + tf.strings.reduce_join(tf.gather(byte, tf.cast(length, tf.int32))) + inside
    pixels = _opaque(tf.io.decode_image(content, expand_animations=False))
    return _placed(pixels, 2 * _little(frame, 0, 3), 2 * _little(frame, 3, 3), width, height)


# GIF


def _is_readable_gif(content: tf.Tensor) -> tf.Tensor:
    width, height, place = _little(content, 6, 2), _little(content, 8, 2), _gif_blocks(content)[1]
    readable = False
    if _is_size(width, height) & (place + 10 < tf.strings.length(content)):
        left, top, across, down = (_little(content, place + at, 2) for at in (1, 3, 5, 7))
        readable = (left + across <= width) & (top + down <= height)
    return readable


def _gif(content: tf.Tensor) -> tf.Tensor:
    control, place = _gif_blocks(content)
    colours, flags = 13, _little(content, 10, 1)
    if _little(content, place + 9, 1) >= 128:  # the frame's own
        colours, flags = place + 10, _little(content, place + 9, 1)
    if control > 0 and _little(content, control, 1) % 2 == 1:
        # The transparent colour, which TensorFlow takes for black, becomes white and a colour like others.
        transparent = _little(content, control + 3, 1)
        content = _patched(content, control, b"\0")
        if transparent < tf.bitwise.left_shift(2, flags % 8):
            content = _patched(content, colours + 3 * transparent, b"\xff\xff\xff")
    left, top = _little(content, place + 1, 2), _little(content, place + 3, 2)
    content = _patched(content, place + 1, bytes(4))  # TensorFlow would move the frame within its own size
    pixels = _opaque(tf.io.decode_image(content, expand_animations=False))
    return _placed(pixels, left, top, _little(content, 6, 2), _little(content, 8, 2))


def _gif_blocks(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where the flags of the first frame's graphic control stand, 0 without one, and where the frame begins.

    The latter is the end of the file where there is no frame.
    """
    flags, length = _little(content, 10, 1), tf.strings.length(content)
    place = 13 + tf.where(flags >= 128, 3 * tf.bitwise.left_shift(2, flags % 8), 0)
    control, looked = 0, 0
    while place + 10 < length and _little(content, place, 1) == ord("!") and looked < _MAX_SECTIONS:
        if _little(content, place + 1, 1) == 0xF9:
            control = place + 3
        place += 2
        while place < length and _little(content, place, 1) > 0:
            place += 1 + _little(content, place, 1)
        place += 1
        looked += 1
    if place + 10 >= length or _little(content, place, 1) != ord(","):
        place = length
    return control, place


@_unconverted
def _patched(content: tf.Tensor, place: tf.Tensor, replacement: bytes) -> tf.Tensor:
    after = tf.strings.substr(content, place + len(replacement), tf.strings.length(content))
    return tf.strings.substr(content, 0, place) + replacement + after


# BMP


def _is_readable_bmp(content: tf.Tensor) -> tf.Tensor:
    """Uncompressed, of 8, 24 or 32 bits, in the order that all programs use."""
    header, bits, compression = _little(content, 14, 4), _little(content, 28, 2), _little(content, 30, 4)
    width, height = tf.abs(_little(content, 18, 4)), tf.abs(_little(content, 22, 4))
    readable = False
    if (header >= 40) & _is_size(width, height):
        usual = (compression == 0) & ((bits == 8) | (bits == 24) | (bits == 32))
        is_whole = _bmp_end(content) <= tf.strings.length(content)
        readable = is_whole and (usual or (bits == 32 and _has_masks(content)))
    return readable


@_unconverted
def _bmp_end(content: tf.Tensor) -> tf.Tensor:
    """Where its pixels end, in rows of whole 4 bytes."""
    row = (_little(content, 18, 4) * _little(content, 28, 2) + 31) // 32 * 4
    return _little(content, 10, 4) + row * tf.abs(_little(content, 22, 4))


@_unconverted
def _has_masks(content: tf.Tensor) -> tf.Tensor:
    masks = tf.strings.substr(content, _HEADER, 12) == b"\0\0\xff\0\0\xff\0\0\xff\0\0\0"
    return (_little(content, 30, 4) == 3) & masks


def _bmp(content: tf.Tensor) -> tf.Tensor:
    header, pixels = _little(content, 14, 4), tf.io.decode_bmp(tf.strings.substr(content, 0, _bmp_end(content)))
    if _little(content, 28, 2) == 8:
        used = _little(content, 46, 4)
        palette = tf.reshape(_levels(content, 14 + header, 4 * tf.where(used == 0, 256, used)), [-1, 4])
        colours = tf.gather(palette[:, 2::-1], tf.cast(pixels[..., 0], tf.int32))
        pixels = _opaque(tf.cast(colours, tf.uint8))
    elif _little(content, 30, 4) == 0 or header < 56 or _little(content, 66, 4) == 0:  # no mask of transparency
        pixels = _opaque(pixels[..., :3])
    return pixels


# The sections of a container


def _find(content: tf.Tensor, place: int, section: Callable, kinds: tuple[bytes, ...]) -> tf.Tensor:
    """Strings [n]: what the first section of each kind holds. place: of the first section.

    section: takes the content and a place, and returns the kind, where what it holds begins and how long that is, and
    the next place.
    """
    place, found, looked = tf.constant(place), tf.fill([len(kinds)], b""), 0
    while place + 12 <= tf.strings.length(content) and looked < _MAX_SECTIONS:
        kind, begin, length, following = section(content, place)
        is_new = (kind == tf.constant(kinds)) & (found == b"")
        if tf.reduce_any(is_new):
            found = tf.where(is_new, tf.strings.substr(content, begin, length), found)
        place = tf.where(following > place, following, tf.strings.length(content))
        looked += 1
    return found


@_unconverted
def _segment(content: tf.Tensor, place: tf.Tensor) -> tuple:
    """Of a JPEG. Its kind is the marker, and of EXIF what it begins with; the scan is all that follows."""
    marker, length = tf.strings.substr(content, place, 2), _big(content, place + 2, 2)
    name = tf.strings.substr(content, place + 4, tf.where(marker == b"\xff\xe1", 6, 0))
    length = tf.where(marker == _SCAN, tf.strings.length(content) - place - 2, length)
    following = tf.where(_starts(marker, b"\xff"), place + tf.where(marker == b"\xff\xff", 1, 2 + length), 0)
    return marker + name, place + 4, length - 2, following


@_unconverted
def _png_chunk(content: tf.Tensor, place: tf.Tensor) -> tuple:
    """With its checksum."""
    length = _big(content, place, 4)
    return tf.strings.substr(content, place + 4, 4), place + 8, length + 4, place + 12 + length


@_unconverted
def _webp_chunk(content: tf.Tensor, place: tf.Tensor) -> tuple:
    length = _little(content, place + 4, 4)
    return tf.strings.substr(content, place, 4), place + 8, length, place + 8 + length + length % 2


# Orientation


def _upright(pixels: tf.Tensor, exif: tf.Tensor) -> tf.Tensor:
    orientation = _orientation(tf.strings.regex_replace(exif, "^Exif\\x00\\x00", ""))
    if tf.reduce_any(orientation == [5, 6, 7, 8]):
        pixels = tf.transpose(pixels, [1, 0, 2])
    if tf.reduce_any(orientation == [2, 3, 6, 7]):
        pixels = pixels[:, ::-1]
    if tf.reduce_any(orientation == [3, 4, 7, 8]):
        pixels = pixels[::-1]
    return pixels


def _orientation(exif: tf.Tensor) -> tf.Tensor:
    """1 to 8; of EXIF that is damaged or has none, 1."""
    length = tf.strings.length(exif)
    order = tf.constant([256, 1])
    if _starts(exif, b"II"):
        order = tf.constant([1, 256])
    orientation = 1
    if length >= 8:
        first = tf.reduce_sum(_levels(exif, 4, 4) * tf.where(order[1] == 1, [0, 2**16, 256, 1], [1, 256, 2**16, 0]))
        if first + 2 <= length:
            entries = tf.reduce_sum(_levels(exif, first, 2) * order)
            if first + 2 + 12 * entries <= length:
                fields = tf.reshape(_levels(exif, first + 2, 12 * entries), [-1, 12])
                tags, values = (tf.reduce_sum(fields[:, at : at + 2] * order, 1) for at in (0, 8))
                orientation = tf.reduce_max(tf.concat([[1], tf.where(tags == 0x0112, values, 1)], 0))
    return orientation


# Parts


@_unconverted
def _starts(content: tf.Tensor, beginning: bytes) -> tf.Tensor:
    return tf.strings.substr(content, 0, len(beginning)) == beginning


@_unconverted
def _levels(content: tf.Tensor, place: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """int32 [length]: the bytes there."""
    return tf.cast(tf.io.decode_raw(tf.strings.substr(content, place, length), tf.uint8), tf.int32)


@_unconverted
def _little(content: tf.Tensor, place: tf.Tensor, length: int) -> tf.Tensor:
    """int32, from bytes of which the first counts least."""
    return tf.reduce_sum(_levels(content, place, length) * [256**digit for digit in range(length)])


@_unconverted
def _big(content: tf.Tensor, place: tf.Tensor, length: int) -> tf.Tensor:
    return tf.reduce_sum(_levels(content, place, length) * [256**digit for digit in reversed(range(length))])


@_unconverted
def _opaque(pixels: tf.Tensor) -> tf.Tensor:
    """With a fourth channel, where there is none."""
    return tf.concat([pixels, tf.fill([*tf.unstack(tf.shape(pixels)[:2]), 1], tf.constant(255, tf.uint8))], 2)[..., :4]


@_unconverted
def _placed(pixels: tf.Tensor, left: tf.Tensor, top: tf.Tensor, width: tf.Tensor, height: tf.Tensor) -> tf.Tensor:
    """Transparent around pixels that are smaller than the picture."""
    shape = tf.shape(pixels)
    return tf.pad(pixels, [[top, height - top - shape[0]], [left, width - left - shape[1]], [0, 0]])
