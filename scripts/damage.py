"""Whether damage at random breaks the reading of images: truncation, bits turned over, headers spliced in.

Image files of all formats in many modes, and zip archives of them, are made and damaged from a seed, and read beside
undamaged ones. Writes results/damage.json; its `failures` name whatever did not end as it has to:

- an image is kept, or refused with a reason; an archive is read, or refused with a sentence;
- undamaged images are kept as they are, unless the list of members of their archive is hit, and it is refused;
- no image takes 5 s, and reading takes less than 1 GiB of memory.
"""

import dataclasses
import io
import re
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

import click
import numpy as np
from memory import peak_memory
from PIL import Image

from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import track
from cifake_keras.sources import reading, walk

MEMBERS = 20  # of an archive
MAX_SECONDS, MAX_MEMORY = 5, 2**30
ORIENTATION = 0x0112

# Format, mode and options of the images that are damaged.
KINDS = (
    ("JPEG", "RGB", {"quality": 90}),
    ("JPEG", "RGB", {"progressive": True, "exif": {ORIENTATION: 6}}),
    ("JPEG", "L", {}),
    ("JPEG", "CMYK", {}),
    ("PNG", "RGB", {}),
    ("PNG", "RGBA", {"exif": {ORIENTATION: 8}}),
    ("PNG", "LA", {}),
    ("PNG", "P", {"transparency": 3}),
    ("PNG", "1", {}),
    ("PNG", "I;16", {}),
    ("WEBP", "RGB", {"quality": 80}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("GIF", "P", {}),
    ("GIF", "P", {"save_all": True, "frames": 3}),
    ("BMP", "RGB", {}),
    ("BMP", "P", {}),
    ("BMP", "L", {}),
)


@dataclasses.dataclass
class Findings:
    """What became of damaged images and archives, and of the undamaged images beside and in them."""

    images_kept: int = 0
    images_refused: int = 0
    archives_read: int = 0
    archives_refused: int = 0
    neighbours_kept: int = 0
    slowest_seconds: float = 0.0
    peak_memory_bytes: int = 0
    reasons: Counter = dataclasses.field(default_factory=Counter)
    failures: list[str] = dataclasses.field(default_factory=list)


# --- Images and archives


def image(number: int, rng: np.random.Generator) -> bytes:
    """A file of smooth colours with some noise, of a side between 16 and 96; all kinds in turn."""
    kind, mode, options = KINDS[number % len(KINDS)]
    options = dict(options)
    first, *others = (picture(mode, int(rng.integers(16, 97)), rng) for _ in range(options.pop("frames", 1)))
    if tags := options.pop("exif", {}):
        options["exif"] = Image.Exif()
        options["exif"].update(tags)
    buffer = io.BytesIO()
    first.save(buffer, kind, **options, **({"append_images": others} if others else {}))
    return buffer.getvalue()


def picture(mode: str, side: int, rng: np.random.Generator) -> Image.Image:
    colours = Image.fromarray(rng.integers(0, 256, (4, 4, 4), np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    pixels = np.asarray(colours) ^ rng.integers(0, 8, (side, side, 4), np.uint8)
    if mode == "I;16":
        return Image.fromarray(pixels[..., 0].astype(np.uint16) << 8 | pixels[..., 1])
    rgba = Image.fromarray(pixels)
    return rgba if mode == "RGBA" else rgba.convert("RGB").convert(mode)


def zipped(members: dict[str, bytes]) -> bytes:
    """Every other member is stored, the rest deflated."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, (name, content) in enumerate(members.items()):
            member = zipfile.ZipInfo(name)  # of no date, so that a seed makes the same archive every day
            archive.writestr(member, content, zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED)
    return buffer.getvalue()


# --- Damage, half of it where headers are


def truncated(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    return content[: rng.integers(len(content))]


def flipped(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """With up to 16 bits turned over."""
    damaged = bytearray(content)
    start, stop = place(content, rng)
    for bit in rng.integers(8 * start, 8 * stop, rng.integers(1, 17)):
        damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def spliced(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """With the beginning or the end of another file written over a part of it."""
    at, length = int(rng.integers(*place(content, rng))), int(rng.integers(4, 128))
    header = other[:length] if rng.random() < 0.5 else other[-length:]
    return (content[:at] + header + content[at + len(header) :])[: len(content)]


def place(content: bytes, rng: np.random.Generator) -> tuple[int, int]:
    """Anywhere, or among the first or the last bytes."""
    size = len(content)
    return [(0, size), (0, size), (0, min(size, 128)), (max(0, size - 128), size)][rng.integers(4)]


DAMAGES = (truncated, flipped, spliced)


def damaged(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    return DAMAGES[rng.integers(len(DAMAGES))](content, other, rng)


# --- What comes of it


def examine(origin: Path, neighbours: dict[str, bytes], whole: bool, findings: Findings) -> None:
    """Reads a folder or archive. `neighbours` are undamaged; `whole` tells that it must not be refused altogether."""
    try:
        outcomes = read(origin, findings)
    except UserError as error:
        findings.archives_refused += 1
        note(str(error).replace(str(origin), "archive"), findings)
        if whole:
            findings.failures.append(f"refused for damage to members: {error}")
        return
    except Exception as error:
        findings.failures.append(f"{origin.name}: {type(error).__name__}: {error}")
        return
    findings.archives_read += origin.is_file()
    for name, content in neighbours.items():
        if np.array_equal(outcomes.pop(name, None), reading.decode(content)):
            findings.neighbours_kept += 1
        else:
            findings.failures.append(f"{origin.name}: {name}, which is undamaged, was not kept as it is")
    refused = [outcome for outcome in outcomes.values() if isinstance(outcome, str)]
    findings.images_kept += len(outcomes) - len(refused)
    findings.images_refused += len(refused)
    for reason in refused:
        note(reason, findings)


def read(origin: Path, findings: Findings) -> dict[str, np.ndarray | str]:
    """The pixels of each image, or the reason why it is refused."""
    outcomes = {}
    start = time.perf_counter()
    for name, content in reading.read(origin, walk.find(origin).images):
        try:
            if isinstance(content, reading.UnreadableImage):
                raise content
            outcomes[name] = reading.decode(content)
        except reading.UnreadableImage as error:
            outcomes[name] = str(error)
        now = time.perf_counter()
        findings.slowest_seconds = max(findings.slowest_seconds, now - start)
        start = now
    return outcomes


def note(reason: str, findings: Findings) -> None:
    findings.reasons[re.sub(r"b?'.*'|\d+", "N", reason)] += 1  # but for names, bytes and numbers
    if not reason:
        findings.failures.append("a refusal without a reason")


def examine_files(count: int, rng: np.random.Generator, findings: Findings) -> None:
    """A damaged image with an undamaged neighbour in a folder, `count` times."""
    for number in track(range(count), "Damaging files", count):
        content, other = image(number, rng), image(int(rng.integers(len(KINDS))), rng)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "damaged.png").write_bytes(damaged(content, other, rng))
            Path(folder, "neighbour.png").write_bytes(other)
            examine(Path(folder), {"neighbour.png": other}, True, findings)


def examine_archives(count: int, rng: np.random.Generator, findings: Findings) -> None:
    """`count` archives of MEMBERS images each, damaged as files are."""
    for number in track(range(count), "Damaging archives", count):
        members = {f"{i:02d}.png": image(number + i, rng) for i in range(MEMBERS)}
        content = zipped(members)
        bad = damaged(content, zipped({"other.png": image(number, rng)}), rng)
        neighbours, whole = undamaged(content, bad)
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, f"{number}.zip")
            archive.write_bytes(bad)
            examine(archive, {name: members[name] for name in neighbours}, whole, findings)


def undamaged(content: bytes, bad: bytes) -> tuple[list[str], bool]:
    """The members that are unchanged, with their entries in the list of members; and whether all of that list is."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members, entry = archive.infolist(), archive.start_dir
    whole = content[entry:] == bad[entry:]
    names = []
    for member, end in zip(members, [member.header_offset for member in members[1:]] + [entry], strict=True):
        size = zipfile.sizeCentralDir + len(member.filename) + len(member.extra) + len(member.comment)
        parts = (slice(member.header_offset, end), slice(entry, entry + size))
        names += [member.filename] if all(content[part] == bad[part] for part in parts) else []
        entry += size
    return names, whole


@click.command()
@click.option("--files", "n_files", type=click.IntRange(0), default=10_000, show_default=True)
@click.option("--archives", "n_archives", type=click.IntRange(0), default=500, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(n_files: int, n_archives: int, seed: int, results_dir: Path) -> None:
    """Read damaged files and archives, write results/damage.json, and fail where something has failed."""
    rng, findings = np.random.default_rng(seed), Findings()
    examine_files(n_files, rng, findings)
    examine_archives(n_archives, rng, findings)
    findings.peak_memory_bytes = peak_memory()
    if findings.slowest_seconds > MAX_SECONDS:
        findings.failures.append(f"an image took more than {MAX_SECONDS} s")
    if findings.peak_memory_bytes > MAX_MEMORY:
        findings.failures.append(f"more than {MAX_MEMORY:,} bytes of memory were used")
    findings.reasons = dict(findings.reasons.most_common())
    counts = {"files": n_files, "archives": n_archives, "seed": seed}
    files.write_json(results_dir / "damage.json", counts | dataclasses.asdict(findings))
    sys.exit(bool(findings.failures))


if __name__ == "__main__":
    main()
