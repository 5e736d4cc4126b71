"""A TensorFlow/Keras replication of ISITCAP? on the CIFAKE stack."""

__version__ = "0.1.0"
