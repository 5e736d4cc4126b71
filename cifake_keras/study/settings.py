"""What the cells of a run of the grid share. Imports no TensorFlow."""

from dataclasses import dataclass, replace
from pathlib import Path

from cifake_keras import protocol
from cifake_keras.protocol import Hyperparameters

STRATEGIES = "none", "mirrored"


@dataclass(frozen=True)
class Settings:
    """precision: "float32" or "bfloat16". epochs: of the classifiers, in place of the protocol's.

    strategy: "none", or "mirrored" on all GPUs; it changes no more than the last digits.
    tensorboard: whether each training draws its curves.
    """

    preset: str
    data_dir: Path
    results_dir: Path
    saved_models_dir: Path = Path("saved_models")
    recipe: str = protocol.RECIPES[0]
    swept: bool = True
    epochs: int | None = None
    kernel: str = protocol.KERNELS[0]
    precision: str = "float32"
    strategy: str = STRATEGIES[0]
    tensorboard: bool = False
    validation_files: frozenset[str] = frozenset()

    @property
    def selection(self) -> str:
        """How hyper-parameters are come by: a sweep, or fixed values of a recipe."""
        if self.recipe == "fast":
            return "fast"
        return "sweep" if self.swept else "fixed"

    def hyperparameters(self, condition: str) -> Hyperparameters:
        """Of a condition that is not swept."""
        return self.epochs_of((protocol.FAST if self.recipe == "fast" else protocol.FIXED)[condition])

    def epochs_of(self, hyperparameters: Hyperparameters) -> Hyperparameters:
        return replace(hyperparameters, epochs=self.epochs) if self.epochs else hyperparameters
