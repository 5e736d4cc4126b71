"""Files, progress, signals, processes, Ray: knows no image. Imports no TensorFlow."""
