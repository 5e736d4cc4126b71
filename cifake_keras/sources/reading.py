"""The one place that opens archives and decodes images. Nothing is unpacked to disk, and no content is trusted.

The limits keep reading below 1 GiB of memory whatever it is given.
"""

import contextlib
import hashlib
import io
import re
import stat
import textwrap
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import BinaryIO

# zipfile has no public way to its record at an archive's end.
from zipfile import (  # type: ignore[attr-defined]
    _ECD_DISK_NUMBER,
    _ECD_ENTRIES_TOTAL,
    _ECD_OFFSET,
    _ECD_SIZE,
    _EndRecData,
)

import numpy as np
from PIL import ExifTags, GifImagePlugin, Image, JpegImagePlugin, UnidentifiedImageError

from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import colours, png

# The suffix says that a file is an image; its content says of which format, as suffixes lie.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp")

# Other formats, which deserve a name: what such a file begins with, or has from its fifth byte on.
_OTHERS = {
    b"ftypavif": "AVIF",
    b"ftypheic": "HEIC",
    b"ftypheix": "HEIC",
    b"ftypmif1": "HEIF",
    b"jP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"\0\0\1\0": "ICO",
}

# What makes an image upright, by EXIF's orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# What ends a run of pixels in a JPEG, or one of its segments; those without a length are left out.
_MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd8\xff])")

# As Pillow numbers it.
_SUBSAMPLING = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}

MAX_PIXELS = 32_000_000  # decoding takes up to 24 bytes each
MAX_SIDE = 2**16 - 1  # of height and width: JPEG's own; Pillow takes up to 40 bytes for a row
MAX_SCANS = 50  # of a JPEG, each of which costs time for every pixel; programs write ten
MAX_BYTES = 2**27  # of an image's file, or of what a member expands to: so many pixels uncompressed
MAX_LIST = 2**26  # bytes of an archive's list of members: some 600,000, which take up to 0.8 GiB
MAX_EXPANDED = 2**30  # bytes of all members of an archive,
MAX_RATIO = 100  # unless they are at most so many times as large as the archive

BEGINNING = 18  # bytes of a file that tell its format

_TOO_MANY = f"pixels are too many: at most {MAX_PIXELS:,} are read, and {MAX_SIDE:,} a side"


class UnreadableImage(Exception):
    """Why an image is refused."""


def is_image(name: str) -> bool:
    """By its name; hidden files, and those that macOS adds to archives, are none."""
    path = Path(name)
    return path.suffix.lower() in SUFFIXES and not any(map(is_hidden, path.parts))


def is_hidden(part: str) -> bool:
    """By a name without folders."""
    return part.startswith((".", "__MACOSX")) and not part.startswith("..")  # which leads out


def read(origin: Path, members: list[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
    """Yields each member's name, and its content or why it is refused."""
    with contextlib.nullcontext() if origin.is_dir() else open_archive(origin) as archive:
        for name in members:
            try:
                content: bytes | UnreadableImage = _member(archive, name) if archive else _file(origin / name)
            except Exception as error:  # zipfile raises also those of zlib, struct and the file system
                content = UnreadableImage(_reason(error))
            yield name, content


def _file(path: Path) -> bytes:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableImage("is a pipe or a device, which may never end")
    _check_size(status.st_size)
    return path.read_bytes()


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    member = _checked(archive, name)
    _check_size(member.file_size)
    with archive.open(member) as file:
        return file.read(member.file_size)


def beginning(archive: zipfile.ZipFile, name: str) -> bytes:
    """The first bytes of a member. Raises UnreadableImage with the reason why they cannot be read."""
    try:
        with archive.open(_checked(archive, name)) as file:
            return file.read(BEGINNING)
    except Exception as error:  # zipfile raises also those of zlib and struct
        raise UnreadableImage(_reason(error)) from error


def _checked(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    member = archive.getinfo(name)
    path = PureWindowsPath(name)  # knows the roots and separators of every system
    if path.anchor or ".." in path.parts:
        raise UnreadableImage("its path leads out of the archive")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise UnreadableImage("is a link")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # zipfile expands others without bound
        raise UnreadableImage("is neither stored nor deflated")
    return member


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise UnreadableImage(f"{size:,} bytes are too many: at most {MAX_BYTES:,} are read")


def _reason(error: Exception) -> str:
    """In one line: zipfile quotes whole headers, and some errors have no message."""
    if isinstance(error, Image.DecompressionBombError):  # Pillow's own limit is another
        return _TOO_MANY
    return textwrap.shorten(str(error), 200) or f"cannot be read ({type(error).__name__})"


def open_archive(origin: Path) -> zipfile.ZipFile:
    """Opens an archive and checks its list of members; each member is checked when it is read."""
    try:
        if not stat.S_ISREG(origin.stat().st_mode):
            raise zipfile.BadZipFile("it is a pipe or a device, which may never end")
        with open(origin, "rb") as file:
            end = _end(file)
        archive = zipfile.ZipFile(origin)
        _check_list(archive, end, origin.stat().st_size)
    except FileNotFoundError:
        raise UserError(f"{origin} does not exist; name a folder or a zip archive with --from.") from None
    except Exception as error:  # zipfile meets damage with errors of any kind
        problem = f"{origin} is not a readable zip archive ({_reason(error)})"
        raise UserError(f"{problem}; fetch it again, or name a folder of images.") from error
    return archive


def _end(file: BinaryIO) -> list:
    """The record at an archive's end, checked before ZipFile follows it and reads the list of members."""
    end = _EndRecData(file)
    file.seek(0)
    if not end:
        begun = file.read(2) == b"PK"
        raise zipfile.BadZipFile(
            "it is cut short, or one part of several: its end is missing" if begun else "it does not begin as one does"
        )
    if end[_ECD_DISK_NUMBER]:
        raise zipfile.BadZipFile("it is the last part of several, to be joined first")
    if end[_ECD_SIZE] > MAX_LIST:
        raise zipfile.BadZipFile("it has too many members")
    return end


def _check_list(archive: zipfile.ZipFile, end: list, size: int) -> None:
    members = archive.infolist()
    astray = archive.start_dir - end[_ECD_OFFSET]
    if astray and astray % 2**32 == 0:  # which offsets of 32 bits cannot tell
        raise zipfile.BadZipFile("it is larger than 4 GiB and not of the kind for that, zip64: unpack it")
    if astray or (len(members) - end[_ECD_ENTRIES_TOTAL]) % 2**16:  # some writers count no further
        raise zipfile.BadZipFile("its list of members is damaged")
    if len(set(archive.namelist())) < len(members):
        raise zipfile.BadZipFile("two of its members have one name")
    expanded = sum(member.file_size for member in members)
    if expanded > max(MAX_EXPANDED, MAX_RATIO * size):
        raise zipfile.BadZipFile(f"it expands to {expanded:,} bytes, {expanded // size:,} times its size")


def decode(content: bytes) -> np.ndarray:
    """uint8 [height, width, 3] in sRGB, upright, transparency over white, of an animation the first frame.

    content: an image file's. Raises UnreadableImage with the reason.
    """
    with _opened(content) as image:
        pixels = _over_white(image)
        turn = _TURNS.get(_orientation(image))
        return np.asarray(pixels if turn is None else pixels.transpose(turn))


def image(path: Path) -> np.ndarray:
    """A file, decoded. Raises UnreadableImage also where it does not exist or may not be read."""
    try:
        content = _file(path)
    except (OSError, ValueError) as error:  # the latter where a path cannot be one
        raise UnreadableImage(getattr(error, "strerror", None) or _reason(error)) from error
    return decode(content)


def encoding(content: bytes) -> tuple[str, str, str]:
    """How an image that can be decoded was encoded: format, and of JPEG its chroma subsampling and tables, else "".

    Subsampling is 4:4:4, 4:2:2, 4:2:0 or "other" (grayscale, for one). The quantisation tables are 8 hexadecimal
    digits of a SHA-256: equal where all tables are.
    """
    with _opened(content) as image:
        if not isinstance(image, JpegImagePlugin.JpegImageFile):
            return image.format or "", "", ""
        tables = hashlib.sha256(str(sorted(image.quantization.items())).encode()).hexdigest()[:8]
        return image.format or "", _SUBSAMPLING.get(JpegImagePlugin.get_sampling(image), "other"), tables


@contextlib.contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    """Its header is read, its pixels are not yet."""
    if not content:
        raise UnreadableImage("is empty")
    try:
        # Pillow warns of damage, and of many pixels, that are refused here or do no harm.
        file = io.BytesIO(png.without_asides(content))
        with warnings.catch_warnings(action="ignore"), Image.open(file, formats=FORMATS) as image:
            _check_cost(image, content)
            if image.format == "PNG":
                png.complete(image, content)
            yield image
    except UnidentifiedImageError:
        raise UnreadableImage(_unidentified(content)) from None
    except Exception as error:  # Pillow meets damage with errors of any kind, struct.error among them
        raise UnreadableImage(_reason(error)) from error


def _check_cost(image: Image.Image, content: bytes) -> None:
    if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
        raise UnreadableImage(f"{image.width} x {image.height} {_TOO_MANY}")
    many = content.count(b"\xff\xda") > MAX_SCANS  # their markers at most, and quickly
    if many and isinstance(image, JpegImagePlugin.JpegImageFile) and _scans(content) > MAX_SCANS:
        raise UnreadableImage(f"its pixels come in more than {MAX_SCANS} scans")


def _scans(content: bytes) -> int:
    """How often a JPEG goes over its pixels. Looks for markers as libjpeg does, and so not into segments."""
    scans = place = 0
    while match := _MARKER.search(content, place):
        if match[1] == b"\xd9":  # the end, which anything may follow
            break
        scans += match[1] == b"\xda"
        place = match.end() + int.from_bytes(content[match.end() : match.end() + 2])
    return scans


def _unidentified(content: bytes) -> str:
    for beginning, name in _OTHERS.items():
        if content.startswith((beginning, content[:4] + beginning)):
            return f"is {name}, which is not read; save it as PNG"
    return "not an image (JPEG, PNG, WebP, GIF or BMP), or damaged at its beginning"


def _over_white(image: Image.Image) -> Image.Image:
    """RGB. White is also what the first frame of a GIF leaves free."""
    whole = (0, 0, *image.size)
    frame = image.tile[0][1] if isinstance(image, GifImagePlugin.GifImageFile) else whole
    if image.mode.startswith("I"):  # 16 bits; Pillow's own conversion clips at 255
        profile = image.info.get("icc_profile")
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        image.info["icc_profile"] = profile
    shown = colours.in_srgb(image)
    if shown.mode == "RGBA":
        shown = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")
    if frame != whole:
        shown, part = Image.new("RGB", shown.size, "white"), shown.crop(frame)
        shown.paste(part, frame)
    return shown


def _orientation(image: Image.Image) -> int:
    """By its EXIF, once its pixels are loaded; damaged EXIF, and XMP, say nothing: so browsers have it."""
    for key in ("xmp", "XML:com.adobe.xmp"):
        image.info.pop(key, None)  # where Pillow would look next
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # Pillow meets damage with errors of any kind
        return 1


def encode_png(image: np.ndarray) -> bytes:
    """Losslessly, at the speed that pays when an image is stored once and read a few times."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def square(image: np.ndarray, side: int) -> np.ndarray:
    """uint8 [side, side, 3]: its middle. Raises UnreadableImage where it has fewer pixels."""
    height, width, _ = image.shape
    if min(height, width) < side:
        raise UnreadableImage(f"is smaller than {side} x {side} pixels")
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def compressed(image: np.ndarray, quality: int) -> np.ndarray:
    """The image as a JPEG shows it, with the subsampling of CIFAKE's files, 4:2:0, which is Pillow's own."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def resize(image: np.ndarray, size: int, kernel: str) -> np.ndarray:
    """uint8 [size, size, 3] by a kernel of `protocol.KERNELS`, antialiased (but for nearest)."""
    if image.shape[:2] == (size, size):
        return image
    method = Image.Resampling[kernel.upper()]
    return np.asarray(Image.fromarray(image).resize((size, size), method))
