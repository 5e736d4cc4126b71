"""Files and folders of one's own that somebody has tampered with: data, results, models; and what reads them.

Each case changes one file of a copy. Where something records the file's digest, some cases leave the record out, as
whoever tampers would.
"""

import csv
import io
import itertools
import json
import os
import random
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sandbox import Case

from cifake_keras.records.examples import Examples
from cifake_keras.sources import prepared
from cifake_keras.training import checkpoints

_DIGITS = "1" * 5_000

# Of a file's content, something else.
Change = Callable[[bytes, random.Random], bytes]

# --- Rules for content


def _flipped(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(16):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


BYTES: dict[str, Change] = {
    "empty": lambda content, rng: b"",
    "cut in half": lambda content, rng: content[: len(content) // 2],
    "with bits flipped": _flipped,
    "with its beginning flipped": lambda content, rng: _flipped(content[:200], rng) + content[200:],
    "zeros": lambda content, rng: bytes(len(content)),
    "noise": lambda content, rng: rng.randbytes(len(content)),
    "twice": lambda content, rng: content * 2,
    "with NUL": lambda content, rng: content[:40] + b"\0" + content[40:],
}

TEXTS: dict[str, Change] = {
    "with a BOM": lambda content, rng: b"\xef\xbb\xbf" + content,
    "UTF-16": lambda content, rng: content.decode().encode("utf-16"),
    "with escapes": lambda content, rng: content.replace(b'"', b'"\x1b[31m', 3),
    "Latin-1": lambda content, rng: content.replace(b"e", b"\xe9"),
}


def _json(text: str) -> Change:
    return lambda content, rng: text.encode()


JSON: dict[str, Change] = {
    **{repr(text[:12]): _json(text) for text in ("{}", "[]", "null", "1", '"x"', "[{}]", "NaN", "1e999", _DIGITS)},
    "deeply nested": _json('{"a":' * 100_000),
    "nested and closed": _json("[" * 900 + "]" * 900),
    "of a long text": _json(json.dumps({"seconds": "x" * 10**7})),
    "of a lone surrogate": _json('{"seconds": "\\ud800"}'),
    "twice each key": lambda content, rng: content.rstrip()[:-1] + b"," + content.lstrip()[1:],
}

# What a value may become.
_VALUES = [None, [], {}, -1, 0, 1e308, True, "", "x", "\x1b[31m", "../..", [[]], [None], {"x": None}, 2**70]


def _other_values(content: bytes, rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """One case for each key at any depth, which goes or gets another value."""
    for path in _paths(json.loads(content)):
        whole = json.loads(content)
        place = whole
        for key in path[:-1]:
            place = place[key]
        value = rng.choice([..., *_VALUES])
        if value is ...:
            del place[path[-1]]
        else:
            place[path[-1]] = value
        named = "gone" if value is ... else repr(value)[:12]
        yield f"{'.'.join(map(str, path))[-40:]} {named}", json.dumps(whole).encode()


def _paths(value: object, before: tuple = ()) -> Iterator[tuple]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*before, key)
        yield from _paths(inner, (*before, key))


def _row(change: Callable[[list[list[str]], random.Random], object]) -> Change:
    def changed(content: bytes, rng: random.Random) -> bytes:
        rows = list(csv.reader(io.StringIO(content.decode())))
        change(rows, rng)
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(rows)
        return buffer.getvalue().encode()

    return changed


def _cell(value: str) -> Change:
    """All of the last column."""
    return _row(lambda rows, rng: [row.__setitem__(-1, value) for row in rows[1:]])


CSV: dict[str, Change] = {
    "without rows": _row(lambda rows, rng: rows.__delitem__(slice(1, None))),
    "short of a row": _row(lambda rows, rng: rows.pop(rng.randrange(1, len(rows)))),
    "with a row more": _row(lambda rows, rng: rows.append(rows[-1])),
    "short of a column": _row(lambda rows, rng: [row.pop(-1) for row in rows]),
    "short of its first column": _row(lambda rows, rng: [row.pop(0) for row in rows]),
    "with one name for all columns": _row(lambda rows, rng: rows.__setitem__(0, ["label"] * len(rows[0]))),
    "with its header last": _row(lambda rows, rng: rows.append(rows.pop(0))),
    "with a quote left open": lambda content, rng: content[:60] + b'"' + content[60:],
    "with a field of 10 MB": _row(lambda rows, rng: rows[1].__setitem__(0, "x" * 10**7)),
    "with ten thousand columns": _row(lambda rows, rng: rows[1].extend("1" * 10_000)),
    **{
        f"of {value[:8]!r}": _cell(value)
        for value in ("", "nan", "inf", "-1", "x", "1e400", _DIGITS, "\x1b[31m", "=1+1")
    },
}


def _arrays(change: Callable[[dict[str, np.ndarray]], object]) -> Change:
    def changed(content: bytes, rng: random.Random) -> bytes:
        arrays = dict(np.load(io.BytesIO(content), allow_pickle=False))
        change(arrays)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        return buffer.getvalue()

    return changed


def _every(value: Callable[[np.ndarray], np.ndarray]) -> Change:
    return _arrays(lambda arrays: arrays.update({name: value(array) for name, array in arrays.items()}))


def _member(content: Callable[[bytes], bytes]) -> Change:
    """With the .npy file of every array changed."""

    def changed(whole: bytes, rng: random.Random) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(whole)) as before, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as after:
            for name in before.namelist():
                after.writestr(name, content(before.read(name)))
        return buffer.getvalue()

    return changed


def npy_header(text: str) -> bytes:
    return b"\x93NUMPY\1\0" + (len(text) + 1).to_bytes(2, "little") + text.encode() + b"\n"


_HEADERS = {
    "of an exabyte": "{'descr': '<f4', 'fortran_order': False, 'shape': (1152921504606846976,)}",
    "of 8 GiB": "{'descr': '<f4', 'fortran_order': False, 'shape': (2147483648,)}",
    "of negative length": "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
    "of objects": "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
    "of texts": "{'descr': '<U100000000', 'fortran_order': False, 'shape': (1,)}",
    "of no shape": "{'descr': '<f4', 'fortran_order': False}",
    "of code": "__import__('os').mkdir('entered')",
    "deeply nested": "(" * 5_000,
}

NPY: dict[str, Change] = {
    name: lambda content, rng, header=header: npy_header(header) + content[128:] for name, header in _HEADERS.items()
}

NPZ: dict[str, Change] = {
    "without arrays": _arrays(dict.clear),
    "with other names": _arrays(lambda arrays: arrays.update({f"x{key}": arrays.pop(key) for key in list(arrays)})),
    "short of an array": _arrays(dict.popitem),
    "with each array cut": _every(lambda array: array[..., :-1] if array.ndim else array),
    "with each array empty": _every(lambda array: array.reshape(-1)[:0]),
    "of scalars": _every(lambda array: np.array(1.0)),
    "of texts": _every(lambda array: np.array(["x"])),
    "of NaN": _every(lambda array: np.full(array.shape, np.nan)),
    "of complex numbers": _every(lambda array: np.full(array.shape, 1j)),
    "of dates": _every(lambda array: np.full(array.shape, "2020-01-01", "M8[D]")),
    "of a bomb": _every(lambda array: np.zeros(2**29, np.uint8)),
    **{
        name: _member(lambda member, header=header: npy_header(header) + member[128:])
        for name, header in _HEADERS.items()
    },
}

# --- Rules for what is in a file's place

# Gets the path, which is vacant, and one outside.
Place = Callable[[Path, Path], object]

PLACES: dict[str, Place] = {
    "a link outside": lambda path, secret: path.symlink_to(secret),
    "a link to /dev/zero": lambda path, secret: path.symlink_to("/dev/zero"),
    "a link to nothing": lambda path, secret: path.symlink_to("nothing"),
    "a link to itself": lambda path, secret: path.symlink_to(path.name),
    "a folder": lambda path, secret: path.mkdir(),
    "a pipe": lambda path, secret: os.mkfifo(path),
    "missing": lambda path, secret: None,
}


# --- What is tampered with, and what reads it


@dataclass(frozen=True)
class Target:
    """file: in `folder`, of which each case gets a copy without what is named in `without`. reader: what reads it.

    recorded: the JSON file in `folder`, and the keys therein, that hold the file's digest. most: cases of it.
    """

    rule: str
    folder: str
    file: str
    reader: tuple[str, ...] | Callable[[], object]
    writes: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()
    most: int = 6

    def case(self, name: str, origin: Path, change: Callable[[Path, Path], object], vouched: bool) -> Case:
        def set_up(folder: Path, secret: Path) -> None:
            copy = folder / self.folder
            shutil.copytree(origin / self.folder, copy)
            for left_out in self.without:
                shutil.rmtree(copy / left_out)
            if self.recorded and not vouched:
                _forget(copy / self.recorded[0], self.recorded[1:])
            change(copy / self.file, secret)

        reader = self.reader.__name__ if callable(self.reader) else " ".join(self.reader[:2])
        title = f"{reader}: {self.file} {name}"
        return Case(self.rule, title, self.reader, set_up, self.writes)


def _forget(path: Path, keys: tuple[str, ...]) -> None:
    whole = json.loads(path.read_bytes())
    place = whole
    for key in keys[:-1]:
        place = place[key]
    del place[keys[-1]]
    path.write_text(json.dumps(whole))


DATA, RESULTS, MODELS, CHECKPOINTS = "data", "results", "saved_models", "checkpoints"
IMAGE, CHECKPOINT = "x.png", "checkpoint.npz"
_SOURCE = "image_folder/sdv15/1.0.0"
_ARRAYS = f"{_SOURCE}/32-bilinear"
_CELL = "runs/phase1/baseline/paper/seed-1"
_MODEL = "phase1/baseline"
_CARD = f"{_MODEL}/assets.extra/model_card.json"


def load() -> None:
    prepared.load(Path(DATA), "image_folder/sdv15", "bilinear")


def load_examples() -> None:
    Examples.load(Path(RESULTS, "runs/phase1/examples.npz"))


class Variable:
    """As Keras has them."""

    def __init__(self) -> None:
        self.values = np.ones((3, 4), np.float32)
        self.shape = self.values.shape

    def numpy(self) -> np.ndarray:
        return self.values

    def assign(self, values: np.ndarray) -> None:
        self.values = self.values * values


def save(origin: Path) -> None:
    checkpoints.Checkpoint(origin / CHECKPOINTS / CHECKPOINT, [Variable()]).save(checkpoints.State())


def restore() -> None:
    checkpoints.Checkpoint(Path(CHECKPOINTS, CHECKPOINT), [Variable()]).restore()


def of_data() -> Iterator[Target]:
    shard = f"{_SOURCE}/image_folder-train.array_record-00000-of-00001"
    verify, anew = ("data", "verify", "image_folder/sdv15"), {"writes": (DATA,), "without": (_ARRAYS,)}
    for name in (f"{_SOURCE}/dataset_info.json", f"{_SOURCE}/features.json", shard):
        yield Target("prepared data", DATA, name, load, **anew)
    for name in (f"{_SOURCE}/fingerprint.json", f"{_SOURCE}/features.json", shard):
        yield Target("prepared data", DATA, name, verify)
    yield Target("prepared data", DATA, f"{_SOURCE}/dataset_info.json", ("data", "list"))
    yield Target("prepared data", DATA, f"{_ARRAYS}/digests.json", load, (DATA,))
    for name, reader in itertools.product(("images.npy", "examples.csv"), (load, verify)):
        recorded = (f"{_ARRAYS}/digests.json", name)
        yield Target("prepared data", DATA, f"{_ARRAYS}/{name}", reader, (DATA,), recorded=recorded)
    audit = ("data", "audit", "--phase", "phase1")
    yield Target("prepared data", DATA, f"{_SOURCE}/files.csv", audit, (DATA, RESULTS))


def of_results() -> Iterator[Target]:
    tables, examined = {"reader": ("tables",), "writes": ("results/tables",), "most": 3}, f"{_CELL}/examination"
    for name in (f"{_CELL}/metrics.json", f"{examined}/metrics.json", "runs/phase1/images.csv"):
        yield Target("results", RESULTS, name, **tables)
    for folder, name in ((_CELL, "predictions.csv"), (examined, "scores.npz"), (examined, "dispersion.csv")):
        recorded = (f"{folder}/metrics.json", name)
        yield Target("results", RESULTS, f"{folder}/{name}", recorded=recorded, **tables)
    yield Target("results", RESULTS, "runs/phase1/examples.npz", load_examples)
    yield Target("results", RESULTS, f"{_CELL}/metrics.json", ("status", "--condition", "baseline"))
    yield Target("checkpoints", CHECKPOINTS, CHECKPOINT, restore, (CHECKPOINTS,), most=20)


def of_models() -> Iterator[Target]:
    model, image = f"{MODELS}/{_MODEL}", f"{MODELS}/{IMAGE}"
    predict = ("predict", image, "--model", model)
    explain = ("explain", image, "--model", model, "--output", "written/x.png")
    export = ("export", model, "--format", "savedmodel", "--output", "written/copy")
    yield Target("models", MODELS, "model.tflite", ("predict", image, "--model", f"{MODELS}/model.tflite"))
    yield Target("models", MODELS, _CARD, predict, most=5)
    yield Target("models", MODELS, _CARD, explain, ("written",), most=3)
    weights = "variables/variables.data-00000-of-00001"
    for name in ("saved_model.pb", "variables/variables.index", weights, "fingerprint.pb"):
        yield Target("models", MODELS, f"{_MODEL}/{name}", predict, most=2)
    for name in ("variables/more", "assets.extra/more"):
        yield Target("models", MODELS, f"{_MODEL}/{name}", export, ("written",), most=5)


def of_the_grid(scale: float) -> Iterator[Target]:
    """By the command that trains, which finds its cell finished."""
    cell = ("--phase", "phase1", "--condition", "baseline")
    run = ("run-grid", *cell, "--no-sweep", "--epochs", "1", "--scale", str(scale))
    for name in ("config.json", "metrics.json"):
        yield Target("results", RESULTS, f"{_CELL}/{name}", run, (DATA, RESULTS, MODELS), most=3)


def changes(target: Target, content: bytes, rng: random.Random) -> Iterator[tuple[str, Change]]:
    """What may be done to a file of its kind."""
    suffix = Path(target.file).suffix
    yield from BYTES.items()
    if suffix in (".json", ".csv"):
        yield from TEXTS.items()
    yield from {".json": JSON, ".csv": CSV, ".npy": NPY, ".npz": NPZ}.get(suffix, {}).items()
    if suffix == ".json":
        yield from ((name, lambda content, rng, other=other: other) for name, other in _other_values(content, rng))


def cases(targets: Iterable[Target], origin: Path, rng: random.Random) -> Iterator[Case]:
    """Half of a target's cases, as far as there are so many, change its content, and all that can take its place."""
    for target in targets:
        path = origin / target.folder / target.file
        content = list(changes(target, path.read_bytes(), rng)) if path.exists() else []
        for name, change in rng.sample(content, min(len(content), target.most)):
            yield target.case(name, origin, _written(change, rng.random()), vouched=False)
        for name, place in rng.sample(list(PLACES.items()), min(len(PLACES), target.most)):
            yield target.case(f"is {name}", origin, _placed(place), vouched=True)


def _written(change: Change, seed: float) -> Callable[[Path, Path], object]:
    return lambda path, secret: path.write_bytes(change(path.read_bytes(), random.Random(seed)))


def _placed(place: Place) -> Callable[[Path, Path], object]:
    def put(path: Path, secret: Path) -> None:
        path.unlink(missing_ok=True)
        place(path, secret)

    return put
