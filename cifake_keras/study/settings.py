"""What the cells of a run of the grid share. Imports no TensorFlow."""

from dataclasses import dataclass, replace
from pathlib import Path

from cifake_keras import protocol
from cifake_keras.protocol import Condition, Hyperparameters, Phase
from cifake_keras.runtime.errors import UserError

STRATEGIES = "none", "mirrored"


@dataclass(frozen=True)
class Settings:
    """precision: "float32" or "bfloat16". epochs: of the classifiers, in place of the protocol's.

    scale: the share of the protocol's images that is wanted. reading: of the paper's text, a name in the protocol.
    strategy: "none", or "mirrored" on all GPUs; it changes no more than the last digits.
    tensorboard: whether each training draws its curves. force: whether SavedModels of other results are replaced.
    """

    preset: str
    data_dir: Path
    results_dir: Path
    saved_models_dir: Path = Path("saved_models")
    recipe: str = "paper"
    swept: bool = True
    epochs: int | None = None
    kernel: str = protocol.KERNELS[0]
    precision: str = "float32"
    strategy: str = STRATEGIES[0]
    tensorboard: bool = False
    force: bool = False
    validation_files: frozenset[str] = frozenset()
    scale: float = 1.0
    reading: str = next(iter(protocol.READINGS))

    @property
    def selection(self) -> str:
        """How hyper-parameters are come by: a sweep, or fixed values of a recipe."""
        if protocol.RECIPES[self.recipe].fixed:
            return self.recipe
        return "sweep" if self.swept else "fixed"

    def as_recorded(self, config: dict) -> "Settings":
        """The same folders, with what a finished cell was made with."""
        names = "preset", "kernel", "scale", "reading"
        return replace(self, **{name: config[name] for name in names})

    def phase(self, name: str) -> Phase:
        """Raises UserError where the preset has none of that name."""
        phases = protocol.phases(self.preset, self.scale)
        if name not in phases:
            raise UserError(f"Preset {self.preset} has no phase {name}, but {', '.join(phases)}.")
        return phases[name]

    def condition(self, name: str) -> Condition:
        """As the reading and the preset have it."""
        condition = protocol.READINGS[self.reading].read(protocol.CONDITIONS[name])
        return condition.fitted_with(protocol.DEMO) if self.preset == "demo" else condition

    def hyperparameters(self, classifier: str, condition: str) -> Hyperparameters:
        """Of a classifier and condition that are not swept."""
        fixed = protocol.RECIPES[self.recipe].fixed
        return self._with_epochs(fixed or self._fixed(classifier, condition))

    def _fixed(self, classifier: str, condition: str) -> Hyperparameters:
        return protocol.DEMO if self.preset == "demo" else protocol.fixed(classifier, condition, self.recipe)

    def candidates(self, classifier: str, condition: str) -> tuple[Hyperparameters, ...]:
        """What a sweep chooses among."""
        return tuple(map(self._with_epochs, protocol.candidates(classifier, condition, self.recipe)))

    def _with_epochs(self, hyperparameters: Hyperparameters) -> Hyperparameters:
        return replace(hyperparameters, epochs=self.epochs) if self.epochs else hyperparameters
