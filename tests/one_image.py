"""One picture in many encodings, each with what a careful decoder shows of it."""

import io
import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageCms, PngImagePlugin
from support import encoded

WIDTH, HEIGHT = 96, 64
_TURNED = {  # what orientation turns back
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
_JPEG = {"quality": 98, "subsampling": 0}
_LINEAR = 1.0  # the gamma of a profile


@dataclass(frozen=True)
class Case:
    """pixels: uint8 [height, width, 3], None where every route refuses it. tolerance: in grey levels of 32 x 32.

    unmanaged: the pixels where colour profiles are ignored. graph: whether TensorFlow's operations can decode it.
    """

    name: str
    content: bytes
    pixels: np.ndarray | None
    tolerance: int = 0
    unmanaged: np.ndarray | None = None
    graph: bool = True


def picture() -> np.ndarray:
    """uint8 [64, 96, 3]: smooth, with edges, and the same from no two sides."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    levels = np.stack([128 + 90 * np.sin(x / 11) * np.cos(y / 17), 40 + 2 * x, 220 - 3 * y], -1)
    levels[8:24, 8:30], levels[40:60, 60:70], levels[30:34] = (230, 40, 40), (20, 30, 160), (240, 240, 230)
    return levels.clip(0, 255).astype(np.uint8)


PICTURE = picture()
_IMAGE = Image.fromarray(PICTURE)
_OTHER = Image.fromarray(255 - PICTURE)


# A folder of further cases, and cases.csv with their notes and tolerances, for those who have one.
OTHERS = os.environ.get("CIFAKE_KERAS_CASES")


def cases() -> list[Case]:
    parts = _formats, _orientations, _transparent, _deep, _profiles, _animations, _refused
    return [case for part in parts for case in part()] + (list(_others(Path(OTHERS))) if OTHERS else [])


def _others(folder: Path) -> Iterator[Case]:
    for row in pd.read_csv(folder / "cases.csv").itertuples():
        content, note = (folder / row.file).read_bytes(), row.note
        reference = re.search(r"same as (\w+\.png)", note)
        pixels = _decoded((folder / (reference[1] if reference else "reference.png")).read_bytes())
        refused = "16 bits, one colour transparent" in note
        unmanaged = _decoded(content) if "profile" in note else None
        yield Case(f"other_{row.file}", content, None if refused else pixels, row.tolerance, unmanaged)


def _decoded(content: bytes) -> np.ndarray:
    """Whatever it says of its colours."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def _formats() -> Iterator[Case]:
    jpeg = encoded(_IMAGE, "JPEG", **_JPEG)
    for name in ("plain.jpg", "upper.JPEG", "name.jfif", "name.jpe", "wrong_extension.png"):
        yield Case(name, jpeg, PICTURE, 6)
    yield Case("progressive.jpg", encoded(_IMAGE, "JPEG", progressive=True, **_JPEG), PICTURE, 6)
    yield Case("cmyk.jpg", encoded(_IMAGE.convert("CMYK"), "JPEG", **_JPEG), PICTURE, 12)
    yield Case("plain.png", encoded(_IMAGE), PICTURE)
    yield Case("lossless.webp", encoded(_IMAGE, "WEBP", lossless=True), PICTURE)
    yield Case("plain.bmp", encoded(_IMAGE, "BMP"), PICTURE)
    palette = _IMAGE.quantize(255)
    yield Case("palette.bmp", encoded(palette, "BMP"), _rgb(palette))
    bits = _IMAGE.convert("1")
    yield Case("bits.bmp", encoded(bits, "BMP"), _rgb(bits), graph=False)
    text = PngImagePlugin.PngInfo()
    text.add_text("Description", "x" * (3 << 20), zip=True)
    yield Case("text_of_3_MiB.png", encoded(_IMAGE, pnginfo=text), PICTURE)
    yield Case("alpha_that_is_none.bmp", encoded(_IMAGE.convert("RGBA"), "BMP"), PICTURE)


def _orientations() -> Iterator[Case]:
    for number, turn in _TURNED.items():
        image, exif = _IMAGE.transpose(turn), Image.Exif()
        exif[0x0112] = number
        yield Case(f"orientation_{number}.jpg", encoded(image, "JPEG", exif=exif, **_JPEG), PICTURE, 6)
        yield Case(f"orientation_{number}.png", encoded(image, exif=exif), PICTURE)
        yield Case(f"orientation_{number}.webp", encoded(image, "WEBP", lossless=True, exif=exif), PICTURE)
    damaged = encoded(_IMAGE, exif=b"Exif\0\0no TIFF at all")
    yield Case("damaged_exif.png", damaged, PICTURE)
    xmp = b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    yield Case("orientation_in_xmp_alone.jpg", encoded(_IMAGE, "JPEG", xmp=xmp, **_JPEG), PICTURE, 6)
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp.decode())
    yield Case("orientation_in_xmp_alone.png", encoded(_IMAGE, pnginfo=info), PICTURE)


def _transparent() -> Iterator[Case]:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    alpha = np.where((x + y) % 7 < 3, 255, 160)[..., None]
    over = np.round((PICTURE.astype(float) * alpha + 255 * (255 - alpha)) / 255)
    image = Image.fromarray(np.dstack([PICTURE, alpha]).astype(np.uint8))
    yield Case("alpha.png", encoded(image), over, 2)
    yield Case("alpha.webp", encoded(image, "WEBP", lossless=True, exact=True), over, 2)
    for depth in (1, 2, 4, 8):
        top = 2**depth - 1
        grey = PICTURE[..., 1] >> (8 - depth)
        key = int(grey[10, 10])
        shown = np.where(grey == key, 255, grey * (255 // top))
        content = _png(grey[..., None], depth, 0, tRNS=struct.pack(">H", key))
        yield Case(f"transparent_grey_of_{depth}_bits.png", content, _three(shown))
    key = PICTURE[10, 10]
    shown = np.where((key == PICTURE).all(-1, keepdims=True), 255, PICTURE)
    yield Case("transparent_colour.png", _png(PICTURE, 8, 2, tRNS=struct.pack(">3H", *map(int, key))), shown)
    barred = _IMAGE.quantize(200)
    shown = _rgb(barred).copy()
    shown[:10] = 255
    barred.paste(201, (0, 0, WIDTH, 10))
    yield Case("transparent.gif", encoded(barred, "GIF", transparency=201), shown)
    colours, alphas = PICTURE[:, 5].repeat(4, 0), np.arange(256)[:, None]
    index = PICTURE[..., 1].astype(int)
    over = np.round((colours * alphas + 255 * (255 - alphas)) / 255)[index]
    chunks = {"PLTE": colours.tobytes(), "tRNS": bytes(range(256))}
    yield Case("transparent_palette.png", _png(index[..., None], 8, 3, **chunks), over, 2)


def _deep() -> Iterator[Case]:
    wide = PICTURE.astype(int) * 257
    yield Case("rgb16.png", _png(wide, 16, 2), PICTURE)
    yield Case("grey16.png", _png(wide[..., :1], 16, 0), _three(PICTURE[..., 0]))
    yield Case("transparent_colour_of_16_bits.png", _png(wide, 16, 2, tRNS=struct.pack(">3H", 1, 2, 3)), None)
    yield Case("transparent_grey_of_16_bits.png", _png(wide[..., :1], 16, 0, tRNS=b"\0\1"), None)


def _profiles() -> Iterator[Case]:
    """The numbers are of another space; in sRGB they are the picture again."""
    linear, srgb = ImageCms.getOpenProfile(io.BytesIO(profile())), ImageCms.createProfile("sRGB")
    numbers = ImageCms.profileToProfile(_IMAGE, srgb, linear)
    shown, stored = np.asarray(ImageCms.profileToProfile(numbers, linear, srgb)), np.asarray(numbers)
    options = {"icc_profile": profile()}
    for name, kind, more in (("png", "PNG", {}), ("webp", "WEBP", {"lossless": True}), ("jpg", "JPEG", _JPEG)):
        yield Case(f"profile.{name}", encoded(numbers, kind, **options, **more), shown, 8, stored)
    large = {"icc_profile": profile(padding=3 << 20)}
    yield Case("profile_of_3_MiB.png", encoded(numbers, **large), shown, 8, stored)
    yield Case("damaged_profile.png", encoded(_IMAGE, icc_profile=b"no profile" * 20), PICTURE)
    own = ImageCms.ImageCmsProfile(srgb).tobytes()
    yield Case("profile_of_srgb.png", encoded(_IMAGE, icc_profile=own), PICTURE)
    grey = {"icc_profile": profile(space=b"GRAY")}
    level = stored[..., 0] / 255
    encoded_level = np.where(level <= 0.0031308, 12.92 * level, 1.055 * level ** (1 / 2.4) - 0.055)
    shown, stored = _three(np.round(255 * encoded_level)), _three(stored[..., 0])
    yield Case("profile_of_grey.png", encoded(numbers.getchannel(0), **grey), shown, 8, stored)
    yield Case("profile_of_grey_on_colours.png", encoded(_IMAGE, **grey), PICTURE)
    yield Case("gamma.png", _png(PICTURE, 8, 2, gAMA=struct.pack(">I", 100_000)), PICTURE)


def _animations() -> Iterator[Case]:
    several = {"save_all": True, "append_images": [_OTHER], "duration": 200}
    palette = _IMAGE.quantize(255)
    gif = encoded(palette, "GIF", **several | {"append_images": [_OTHER.quantize(255)]})
    yield Case("animation.gif", gif, _rgb(palette), 2)
    yield Case("animation.png", encoded(_IMAGE, **several), PICTURE)
    yield Case("animation.webp", encoded(_IMAGE, "WEBP", lossless=True, **several), PICTURE)
    own = several | {"append_images": [_OTHER, _IMAGE], "default_image": True}
    yield Case("animation_with_own_default.png", encoded(_IMAGE, **own), PICTURE)
    framed = np.full_like(PICTURE, 255)
    framed[20:, 10:] = PICTURE[20:, 10:]
    frame = Image.fromarray(PICTURE[20:, 10:])
    yield Case("partial_frame.webp", _webp_animation(frame, 10, 20), framed)
    small = frame.quantize(255)
    framed = framed.copy()
    framed[20:, 10:] = _rgb(small)
    yield Case("partial_frame.gif", _shifted_gif(encoded(small, "GIF"), 10, 20), framed)


def _refused() -> Iterator[Case]:
    for kind in ("TIFF", "ICO", "JPEG2000"):
        yield Case(f"{kind}.png", encoded(_IMAGE, kind), None)
    yield Case("AVIF.png", b"\0\0\0\x20ftypavif" + bytes(99), None)
    yield Case("HEIC.jpg", b"\0\0\0\x20ftypheic" + bytes(99), None)
    yield Case("SVG.png", b'<svg xmlns="http://www.w3.org/2000/svg" width="96" height="64"/>', None)
    yield Case("empty.png", b"", None)
    yield Case("cut.jpg", encoded(_IMAGE, "JPEG", **_JPEG)[:1500], None)
    header = encoded(_IMAGE)
    many = struct.pack(">II", 8_000, 5_000)
    checksum = struct.pack(">I", zlib.crc32(b"IHDR" + many + header[24:29]))
    yield Case("too_many_pixels.png", header[:16] + many + header[24:29] + checksum + header[33:], None)


def _rgb(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


def _three(grey: np.ndarray) -> np.ndarray:
    return np.stack([grey] * 3, -1)


def _png(levels: np.ndarray, depth: int, colour: int, **chunks: bytes) -> bytes:
    """levels: [height, width, channels] of so many bits; colour: PNG's number of the kind."""
    bits = (levels[..., None].astype(int) >> np.arange(depth)[::-1] & 1).astype(np.uint8)
    lines = b"".join(b"\0" + np.packbits(row).tobytes() for row in bits.reshape(len(levels), -1))
    header = struct.pack(">IIBBBBB", levels.shape[1], levels.shape[0], depth, colour, 0, 0, 0)
    parts = {"IHDR": header, **chunks, "IDAT": zlib.compress(lines), "IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind.encode(), data) for kind, data in parts.items())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def profile(space: bytes = b"RGB ", padding: int = 0) -> bytes:
    """An ICC profile with sRGB's primaries and linear levels."""
    primaries = {b"r": (0.43607, 0.22249, 0.01392), b"g": (0.38515, 0.71687, 0.09708), b"b": (0.14307, 0.06061, 0.7141)}
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(_LINEAR * 256))
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 2) + b"t" + bytes(79), b"wtpt": _xyz(0.9642, 1, 0.8249)}
    tags[b"cprt"] = b"text" + bytes(4) + b"none\0"
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        tags |= {name + b"XYZ": _xyz(*values) for name, values in primaries.items()}
        tags |= {name + b"TRC": curve for name in primaries}
    if padding:
        tags[b"more"] = b"data" + bytes(4) + b"\0\0\0\1" + bytes(padding)
    table, body, place = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", place + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4sI4s4s4s", place + len(body), b"none", 0x02400000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz(0.9642, 1, 0.8249)[8:]
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _webp_animation(frame: Image.Image, left: int, top: int) -> bytes:
    """The frame in the picture's size, then the whole picture."""
    body = _riff(b"VP8X", bytes([2 | 16, 0, 0, 0]) + _24(WIDTH - 1) + _24(HEIGHT - 1))
    body += _riff(b"ANIM", bytes([10, 20, 200, 255, 0, 0]))
    for image, x, y in ((frame, left, top), (_IMAGE, 0, 0)):
        place = _24(x // 2) + _24(y // 2) + _24(image.width - 1) + _24(image.height - 1)
        body += _riff(b"ANMF", place + _24(100) + b"\0" + encoded(image, "WEBP", lossless=True)[12:])
    return _riff(b"RIFF", b"WEBP" + body)


def _riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _24(value: int) -> bytes:
    return struct.pack("<I", value)[:3]


def _shifted_gif(content: bytes, left: int, top: int) -> bytes:
    """In the picture's size, the frame further right and down; its descriptor is the first block."""
    frame = 13 + 3 * 2 ** (content[10] % 8 + 1)
    place = struct.pack("<HH", left, top)
    size = struct.pack("<HH", WIDTH, HEIGHT)
    assert content[frame] == ord(",")
    return content[:6] + size + content[10 : frame + 1] + place + content[frame + 5 :]
