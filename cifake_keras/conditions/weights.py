"""Weights that networks of steps come with, prepared once of their authors' files.

<data folder>/weights/<name>.weights.h5 holds them; <name>.json, written last, has the digests of that file and of those
that it was made of. Imports TensorFlow only to prepare them.
"""

from pathlib import Path

from cifake_keras.protocol import Step, Weights
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError


def prepare(weights: Weights, step: Step, data_dir: Path, folder: Path) -> Path:
    """Makes those of a step of their authors' files, which lie in `folder`, and returns the file that holds them.

    Raises UserError where one of the files is absent, or not the one that was published.
    """
    from cifake_keras.conditions import path

    originals = [_original(folder / name, digest, weights) for name, digest in weights.files]
    network = path.build(step)
    path.module(step).convert(originals, network)
    file = _file(weights, data_dir)
    with files.replacing(file) as temporary:
        network.save_weights(temporary)
    files.write_json(_record(file), _digests(file, weights))
    return file


def there(weights: Weights, data_dir: Path) -> bool:
    """Whether they have been prepared; they may have changed since."""
    file = _file(weights, data_dir)
    return file.exists() and _record(file).exists()


def prepared(weights: Weights, data_dir: Path) -> Path:
    """Their file. Raises UserError where they are not prepared, or have changed since."""
    file, command = _file(weights, data_dir), f"run: {weights.command}"
    if not there(weights, data_dir):
        raise UserError(f"{file} is not there; {command}")
    if files.read_json(_record(file)) != _digests(file, weights):
        raise UserError(f"{file} is damaged, or was made of other files than it should be; {command}")
    return file


def _file(weights: Weights, data_dir: Path) -> Path:
    return data_dir / "weights" / f"{weights.name}.weights.h5"


def _record(file: Path) -> Path:
    return file.with_name(file.name.replace(".weights.h5", ".json"))


def _digests(file: Path, weights: Weights) -> dict:
    return {"sha256": files.sha256_once(file), "files": dict(weights.files)}


def _original(original: Path, digest: str, weights: Weights) -> Path:
    if not original.exists():
        raise UserError(f"{original} is not there; give the folder that holds it, of {weights.origin}, with --from.")
    if digest and files.sha256(original) != digest:
        raise UserError(f"{original} is not the file that was published; get it anew from {weights.origin}.")
    return original
