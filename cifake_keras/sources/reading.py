"""The one place that opens archives and decodes images."""

import contextlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from cifake_keras.errors import UserError

MAX_PIXELS = 64_000_000

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"}


class UnreadableImage(Exception):
    """Why an image does not decode."""


def is_image(name: str) -> bool:
    """By its name; hidden files and what macOS puts into archives are none."""
    path = Path(name)
    return path.suffix.lower() in _SUFFIXES and not any(part.startswith((".", "__MACOSX")) for part in path.parts)


def names(origin: Path) -> list[str]:
    """The images in a folder or zip archive, as sorted paths with forward slashes.

    Raises UserError where `origin` is missing or is neither a folder nor a readable zip archive.
    """
    if origin.is_dir():
        found = (path.relative_to(origin).as_posix() for path in origin.rglob("*") if not path.is_dir())
    else:
        with _archive(origin) as archive:
            found = archive.namelist()
    return sorted(filter(is_image, found))


def read(origin: Path, members: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yields each member's name and content; a member that cannot be read has the content b""."""
    with contextlib.nullcontext() if origin.is_dir() else _archive(origin) as archive:
        for name in members:
            try:
                content = archive.read(name) if archive else (origin / name).read_bytes()
            except Exception:  # beside its own, zipfile raises those of zlib, lzma and the file system
                content = b""
            yield name, content


def _archive(origin: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(origin)
    except FileNotFoundError:
        raise UserError(f"{origin} does not exist; name a folder or a zip archive with --from.") from None
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{origin} is not a readable zip archive ({error}); fetch it again.") from error


def decode(content: bytes) -> np.ndarray:
    """uint8 [height, width, 3], upright, transparency over white.

    Raises UnreadableImage with the reason.
    """
    if not content:
        raise UnreadableImage("cannot be read, or is empty")
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UnreadableImage(f"{image.width} x {image.height} pixels are too many")
            return np.asarray(_rgb(ImageOps.exif_transpose(image)))
    except UnreadableImage:
        raise
    except Exception as error:  # Pillow meets damage with errors of any kind, struct.error among them
        reason = "not an image of a known format" if "BytesIO" in str(error) else str(error)
        raise UnreadableImage(reason) from error


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits; Pillow's own conversion clips at 255
        image = Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def encode_png(image: np.ndarray) -> bytes:
    """Losslessly, at the speed that pays when an image is stored once and read a few times."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def resize(image: np.ndarray, size: int, kernel: str) -> np.ndarray:
    """uint8 [size, size, 3] by a kernel of `protocol.KERNELS`, antialiased (but for nearest)."""
    if image.shape[:2] == (size, size):
        return image
    method = Image.Resampling[kernel.upper()]
    return np.asarray(Image.fromarray(image).resize((size, size), method))
