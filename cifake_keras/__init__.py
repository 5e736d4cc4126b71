"""A TensorFlow/Keras replication of ISITCAP? on the CIFAKE stack.

The public API is `load_detector` and the `Detector` that it makes; see `cifake_keras.detector`.
"""

from types import ModuleType
from typing import TYPE_CHECKING, Any

import wrapt

from cifake_keras.sources import Provider

if TYPE_CHECKING:
    from cifake_keras.detector import Detector, load_detector

__all__ = ["Detector", "__version__", "load_detector"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Imported when it is used: the rest of the package shall not pay for it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from cifake_keras import detector

    return getattr(detector, name)


def __dir__() -> list[str]:
    return __all__


@wrapt.when_imported("tensorflow_datasets.core.registered")
def _provide_sources(registered: ModuleType) -> None:
    """`tfds.load("cifake")` and its like work, and who never uses TFDS does not pay for its import."""
    registered.add_dataset_builder_provider(Provider(), index=0)
