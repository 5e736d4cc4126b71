// Pillow's antialiased bilinear resize, to the bit: a triangle as wide as the scale, in fixed point, an axis at a time.

const BITS = 22;

/** RGBA pixels [height, width, 4] to RGB [size, size, 3], both Uint8; alpha is ignored. */
export function resize(pixels, width, height, size) {
  const across = taps(width, size);
  const down = taps(height, size);
  const small = new Uint8ClampedArray(size * size * 3);
  // Each pass rounds, so that their order shows; this is Pillow 13's.
  if (height > size && height - size > 2 * (width - size)) {
    const low = new Uint8ClampedArray(size * width * 3);
    pass(pixels, width * 4, 4, low, width * 3, 3, width, down);
    pass(low, 3, width * 3, small, 3, size * 3, size, across);
  } else {
    const narrow = new Uint8ClampedArray(height * size * 3);
    pass(pixels, 4, width * 4, narrow, 3, size * 3, height, across);
    pass(narrow, size * 3, 3, small, size * 3, 3, size, down);
  }
  return small;
}

/** Resizes one axis of so many lines. Steps lead from a pixel to the next along that axis, strides from line to line. */
function pass(source, step, stride, target, targetStep, targetStride, lines, outputs) {
  for (let line = 0; line < lines; line++) {
    outputs.forEach(({ start, weights }, output) => {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 1 << (BITS - 1);
        let at = line * stride + start * step + channel;
        for (let tap = 0; tap < weights.length; tap++, at += step) sum += source[at] * weights[tap];
        target[line * targetStride + output * targetStep + channel] = sum >> BITS;
      }
    });
  }
}

/** Of each output along an axis: its first input and the weights, integers that add up to 2^BITS. */
function taps(inputs, outputs) {
  const scale = inputs / outputs;
  const support = Math.max(scale, 1);
  return Array.from({ length: outputs }, (_, output) => {
    const center = (output + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(inputs, Math.trunc(center + support + 0.5));
    const triangle = Array.from({ length: end - start }, (_, tap) =>
      Math.max(0, 1 - Math.abs((start + tap - center + 0.5) * (1 / support))));
    const total = triangle.reduce((sum, weight) => sum + weight, 0);
    return { start, weights: triangle.map((weight) => Math.round(weight * (1 / total) * (1 << BITS))) };
  });
}
