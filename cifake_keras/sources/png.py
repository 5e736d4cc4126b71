"""PNG by its chunks: what Pillow refuses or mistakes there is taken out before it reads, or put right after."""

import zlib
from collections.abc import Iterator

from PIL import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEPTH = 24  # where the bits a channel stand
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")

MAX_PROFILE = 2**25  # bytes that a colour profile may expand to; the largest of printers have a tenth


def without_asides(content: bytes) -> bytes:
    """Without texts and colour profile, which Pillow expands, or refuses with the image; other formats stay."""
    if not content.startswith(_SIGNATURE):
        return content
    return _SIGNATURE + b"".join(chunk for kind, chunk in _chunks(content) if kind not in (*_TEXTS, b"iCCP"))


def complete(image: Image.Image, content: bytes) -> None:
    """Notes in the `info` of an image that was opened without asides its profile, and the right transparent grey.

    Raises ValueError where what is transparent would need all 16 bits, of which Pillow keeps 8.
    """
    found = {kind: chunk[8:-4] for kind, chunk in _chunks(content) if kind in (b"tRNS", b"iCCP")}
    depth = content[_DEPTH]
    if b"tRNS" in found and depth == 16:
        raise ValueError("has 16 bits a channel and a transparent colour; save it with an alpha channel instead")
    if b"tRNS" in found and image.mode == "L":
        image.info["transparency"] = int.from_bytes(found[b"tRNS"][:2]) * 255 // (2**depth - 1)
    if b"iCCP" in found:
        image.info["icc_profile"] = _expanded(found[b"iCCP"].partition(b"\0")[2][1:])


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind, and the chunk from its length to its checksum; what is damaged may give any kind."""
    place = len(_SIGNATURE)
    while place < len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4])
        yield content[place + 4 : place + 8], content[place:end]
        place = end


def _expanded(profile: bytes) -> bytes:
    """Empty where it is damaged: the pixels are not."""
    try:
        expanded = zlib.decompressobj().decompress(profile, MAX_PROFILE + 1)
    except zlib.error:
        return b""
    if len(expanded) > MAX_PROFILE:
        raise ValueError(f"its colour profile has more than {MAX_PROFILE:,} bytes")
    return expanded
