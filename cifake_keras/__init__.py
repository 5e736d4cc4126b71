"""A TensorFlow/Keras replication of ISITCAP? on the CIFAKE stack."""

import wrapt

from cifake_keras.sources import Provider

__version__ = "0.1.0"


@wrapt.when_imported("tensorflow_datasets.core.registered")
def _provide_sources(registered) -> None:
    """`tfds.load("cifake")` and its like work, and who never uses TFDS does not pay for its import."""
    registered.add_dataset_builder_provider(Provider(), index=0)
