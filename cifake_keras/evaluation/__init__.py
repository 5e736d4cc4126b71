"""What is measured: scores, metrics, intervals, saliency, altered images."""
