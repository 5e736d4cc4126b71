"""Factor 2: the steps that an image takes on its way to the classifier, a file each. `path` puts them together.

A file has `apply(images, draws, network, settings)`: images float32 [batch, 32, 32, 3] in the step's range, which they
keep; draws float32 [batch, the step's number of draws], uniform in [0, 1), or None; the step's network, or None; the
step's settings. Where a step has a network, `network(settings, seed, precision)` builds it; where that comes with
weights, `convert(originals, network)` gives it those of their authors' files.
"""
