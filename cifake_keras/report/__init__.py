"""Tables and figures, made from the files of a results folder alone: no TensorFlow, no model."""
