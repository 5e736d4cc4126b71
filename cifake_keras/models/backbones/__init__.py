"""Frozen backbones: steps that give features of an image, a file each. A name in the protocol is the name of a file.

A file has what a step's file has (see conditions/), but that `apply` gives features, float32 [batch, the step's
`gives`], of images [batch, 32, 32, 3] in [0, 1]. `network` computes in float32 whatever the precision, in which alone
features are computed, and draws its weights by the seed; `convert` gives it those of its authors.
"""
