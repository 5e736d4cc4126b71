"""Archives and images that are hostile in one way each: tar, zip, JPEG, PNG, GIF, BMP, WebP, and what only looks so."""

import gzip
import io
import itertools
import random
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from sandbox import Case

_ESCAPES = "\x1b[31mred\x1b]0;title\x07\u202egnp"

# Names that lead out of a folder, or that a file system, a list or a terminal takes for something else.
NAMES = (
    "../entered.png",
    "../../../outside/entered.png",
    "/var/entered.png",
    "a/../../entered.png",
    "..\\entered.png",
    "C:\\entered.png",
    "\\\\server\\entered.png",
    f"{_ESCAPES}.png",
    "a\nb.png",
    "x" * 300 + ".png",
    "x/" * 600 + "x.png",
    "a\0b.png",
    "\udcff.png",
    ".png",
    "-rf.png",
    "=1+1.png",
    "CON.png",
)


def picture(kind: str = "PNG", side: int = 48, mode: str = "RGB", **options: object) -> bytes:
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


# --- tar


def tar(*members: tuple[tarfile.TarInfo, bytes], kind: int = tarfile.PAX_FORMAT) -> bytes:
    """Sizes are those of the contents, unless a member has one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=kind, compresslevel=1) as archive:
        for member, content in members:
            member.size = member.size or len(content)
            archive.addfile(member)
            archive.fileobj.write(content + bytes(-len(content) % 512))
            archive.offset += len(content) + -len(content) % 512
    return buffer.getvalue()


def member(name: str = "a.png", **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


TAR = tar((member(), picture()))


def tars(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    good = (member("good.png"), picture())
    for name in NAMES:
        if "\0" not in name:
            yield f"name {name[:16]!r}", tar((member(name), picture()), good)
    types = {
        name: getattr(tarfile, name)
        for name in ("LNKTYPE", "SYMTYPE", "CHRTYPE", "BLKTYPE", "DIRTYPE", "FIFOTYPE", "CONTTYPE")
    }
    for (name, kind), target in itertools.product(types.items(), ("../../../outside/secret.png", "/dev/zero", "a.png")):
        yield f"{name} to {target[:8]}", tar((member(type=kind, linkname=target), b""), good)
    for name in ("GNUTYPE_LONGNAME", "GNUTYPE_LONGLINK", "XHDTYPE", "XGLTYPE", "GNUTYPE_SPARSE"):
        for size in (0, 1, 2**15, 2**27):
            yield f"{name} of {size}", tar((member(type=getattr(tarfile, name)), bytes(size)), good)
    for key, value in itertools.product(
        ("size", "path", "linkpath", "mtime", "uid", "GNU.sparse.map", "GNU.sparse.size"),
        ("-1", "x", "", "9" * 5_000, "\0", "nan"),
    ):
        yield f"pax {key} {value[:4]!r}", tar((member(pax_headers={key: value}), picture()), good)
    for size in (1, 10**6, 2**33, 2**60):
        yield f"size {size}", tar((member(size=size), picture()), good)
    yield "negative size", gzip.compress(_checked(b"\xff" * 12, 124) + picture())
    for field, place in {"checksum": 148, "type": 156, "magic": 257}.items():
        yield (
            f"{field} of noise",
            gzip.compress(member().tobuf()[:place] + rng.randbytes(8) + member().tobuf()[place + 8 :]),
        )
    yield "bomb", gzip.compress(bytes(2**30), 1)
    yield "many members", tar(*((member(f"{number}.txt"), b"") for number in range(20_000)), good)
    yield "one name", tar(*[good] * 50)
    yield "noise in gzip", gzip.compress(rng.randbytes(2**16))
    for share in (0, 0.1, 0.5, 0.99):
        yield f"cut at {share}", TAR[: int(share * len(TAR))]
    for content in (b"", b"PK\3\4", b"BZh9", b"\xfd7zXZ\0", picture()):
        yield f"no gzip {content[:4]!r}", content or b"\0"


def _checked(field: bytes, place: int) -> bytes:
    """A header with another field and the right checksum."""
    header = bytearray(member().tobuf())
    header[place : place + len(field)] = field
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


# --- zip


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, **fields: object) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo("x")
            info.filename = name  # as it is: ZipInfo mends names
            for field, value in fields.items():
                setattr(info, field, value)
            archive.writestr(info, content, method)
    return buffer.getvalue()


def zips(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    good = {"good.png": picture()}
    for name in NAMES:
        if "\udcff" not in name:
            yield f"name {name[:16]!r}", zipped({name: picture()} | good)
    yield "not UTF-8", zipped({"xxxx.png": picture()}).replace(b"xxxx", b"\xff\xfe\x80\x9b")
    for mode in (0o120777, 0o060777, 0o010777, 0o040777, 0o104777):
        yield f"mode {mode:o}", zipped({"a.png": b"/dev/zero"} | good, external_attr=mode << 16)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield f"method {method}", zipped({"a.png": bytes(2**24)} | good, method)
    yield "bomb", zipped({f"{number}.png": bytes(2**27) for number in range(3)} | good)
    yield "bombs", zipped({f"{number}.png": bytes(2**27 - 1) for number in range(9)} | good)
    yield "many members", zipped(dict.fromkeys(map(str, range(50_000)), b"") | good, zipfile.ZIP_STORED)
    yield "list of 63 MiB", _long_list(63 * 2**20)
    yield "list of 65 MiB", _long_list(65 * 2**20)
    whole = zipped({"a.png": picture(), **good})
    for field, (place, size) in CENTRAL.items():
        for value in (0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1)):
            yield f"{field} {value:x}", _overwritten(whole, whole.rindex(b"PK\1\2") + place, value, size)
    for field, (place, size) in LOCAL.items():
        yield f"local {field}", _overwritten(whole, place, 2 ** (8 * size) - 1, size)
    for field, (place, size) in END.items():
        for value in (0, 1, 2 ** (8 * size) - 1):
            yield f"end {field} {value:x}", _overwritten(whole, whole.rindex(b"PK\5\6") + place, value, size)
    yield "encrypted", _overwritten(whole, whole.rindex(b"PK\1\2") + 8, 1, 2)
    yield "twice one name", zipped({"a.png": picture(), "b.png": picture()}).replace(b"b.png", b"a.png")
    yield "overlapping", _overwritten(whole, whole.rindex(b"PK\1\2") + 42, 0, 4)
    for share in (0, 0.1, 0.5, 0.99):
        yield f"cut at {share}", whole[: int(share * len(whole))]
    yield "twice", whole + whole
    yield "after noise", rng.randbytes(1_000) + whole


# Of a member's entry in the list, of its own header, and of the record at the end: place and bytes of fields.
CENTRAL = {
    "flags": (8, 2),
    "method": (10, 2),
    "CRC": (16, 4),
    "packed": (20, 4),
    "size": (24, 4),
    "name": (28, 2),
    "extra": (30, 2),
    "offset": (42, 4),
}
LOCAL = {"signature": (0, 4), "method": (8, 2), "name": (26, 2), "extra": (28, 2)}
END = {"disk": (4, 2), "entries": (10, 2), "size": (12, 4), "offset": (16, 4), "comment": (20, 2)}


def _overwritten(content: bytes, place: int, value: int, size: int) -> bytes:
    return content[:place] + value.to_bytes(size, "little") + content[place + size :]


def _long_list(size: int) -> bytes:
    """An archive whose list of members has so many bytes, of empty members with names of eight digits."""
    count = size // 54
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0)
    listed = b"".join(entry + b"%08d" % number for number in range(count))
    return listed + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count % 2**16, count % 2**16, len(listed), 0, 0)


# --- Images


def images(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP"):
        whole = picture(kind)
        for name, damage in DAMAGES.items():
            yield f"{kind} {name}", damage(whole, rng)
    for width, height in itertools.product((0, 1, 2**16, 2**31 - 1), repeat=2):
        yield f"PNG of {width} x {height}", png(width, height)
    yield "PNG of 5,656 x 5,656 zeros", png(5_656, 5_656, zlib.compress(bytes(5_656 * (1 + 4 * 5_656)), 1))
    for name in (b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"PLTE", b"tRNS", b"acTL"):
        yield (
            f"PNG with a bomb in {name.decode()}",
            png(48, 48, chunks=_chunk(name, b"x\0\0" + zlib.compress(bytes(2**27)))),
        )
        yield f"PNG with nothing in {name.decode()}", png(48, 48, chunks=_chunk(name, b""))
    jpeg = picture("JPEG", progressive=True)
    scan = jpeg[jpeg.index(b"\xff\xda") : jpeg.rindex(b"\xff\xd9")]
    yield "JPEG of 2,000 scans", jpeg[:-2] + scan * 2_000 + jpeg[-2:]
    for width, height in ((0, 0), (65_535, 65_535), (1, 65_535)):
        yield f"JPEG of {width} x {height}", _sized(picture("JPEG"), width, height)
    yield "JPEG with comments", picture("JPEG")[:2] + b"\xff\xfe\xff\xff" + bytes(65_533) * 500 + picture("JPEG")[2:]
    for orientation in (0, 9, 65_535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"orientation {orientation}", picture("JPEG", exif=exif)
    yield "GIF of 65,535 x 65,535", b"GIF89a\xff\xff\xff\xff" + picture("GIF")[10:]
    yield "BMP of negative height", _overwritten(picture("BMP"), 22, 2**32 - 48, 4)
    yield "BMP of 65,535 x 65,535", _overwritten(_overwritten(picture("BMP"), 18, 65_535, 4), 22, 65_535, 4)
    for kind in ("TIFF", "ICO", "PPM", "TGA", "PCX", "SGI", "ICNS", "PDF", "EPS"):
        yield f"{kind} by another name", picture(kind)
    for text in (b"", b"\0", b"<svg/>", b"#!/bin/sh", b"%!PS\n(/etc/passwd) run", b"x" * 2**20, b"\x89PNG\r\n\x1a\n"):
        yield f"text {text[:8]!r}", text


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut in half": lambda content, rng: content[: len(content) // 2],
    "cut in its header": lambda content, rng: content[: rng.randrange(4, 40)],
    "of noise": lambda content, rng: content[:32] + rng.randbytes(len(content)),
    "of ones": lambda content, rng: content[:32] + b"\xff" * len(content),
    "with more": lambda content, rng: content + rng.randbytes(1_000),
    "twice": lambda content, rng: content * 2,
}


def png(width: int, height: int, pixels: bytes = b"", chunks: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    data = pixels or zlib.compress(bytes(48 * (1 + 4 * 48)))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + chunks + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _sized(jpeg: bytes, width: int, height: int) -> bytes:
    frame = jpeg.index(b"\xff\xc0")
    return jpeg[: frame + 5] + struct.pack(">HH", height, width) + jpeg[frame + 9 :]


# --- Cases


def cases(rng: random.Random) -> Iterator[Case]:
    prepare = ("data", "prepare", "image_folder", "--generator", "Hostile", "--data-dir", "written", "--from")
    for name, content in zips(rng):
        yield Case("zip archives", name, (*prepare, "x.zip"), _file("x.zip", content), ("written",))
    for number, (name, content) in enumerate(images(rng)):
        command = ("predict", "images/x.png") if number % 2 else (*prepare, "images")
        yield Case("images", name, command, _file("images/x.png", content), ("written",))
    for name, command in itertools.product(NAMES, (("predict", "images"), (*prepare, "images"))):
        if len(name) < 255 and not {"/", "\0"} & set(name):
            yield Case("names of images", f"{command[0]} {name!r}", command, _named(name), ("written",))


def _file(name: str, content: bytes) -> Callable[[Path, Path], None]:
    def set_up(folder: Path, secret: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)

    return set_up


def _named(name: str) -> Callable[[Path, Path], None]:
    """An image of that name beside one that is none, so that both lists are shown."""

    def set_up(folder: Path, secret: Path) -> None:
        (folder / "images").mkdir()
        (folder / "images" / name).write_bytes(picture())

    return set_up
