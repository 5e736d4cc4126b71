"""Factor 2: the steps that an image takes on its way to the classifier, a file a step."""
