// What the detector of pictures as they are sees of one, to the bit as the package has it.

/**
 * RGBA pixels [height, width, 4] to { image: RGB, width, height }, all Uint8: the middle, of `side` pixels a side at most.
 * While the shorter side has more than `most`, four pixels become one, their mean.
 */
export function middle(pixels, width, height, { most, side }) {
  let times = 0;
  while (Math.min(width, height) >> times > most) times++;
  const across = within(width, times, side);
  const down = within(height, times, side);
  let seen = { image: cut(pixels, width, across, down), width: across.kept << times, height: down.kept << times };
  for (; times > 0; times--) seen = halved(seen);
  return seen;
}

/** Where the middle of a side begins, and how long it will be once halved so often. */
function within(length, times, side) {
  const kept = Math.min(length >> times, side);
  return { first: ((length >> times) - kept >> 1) << times, kept, length: kept << times };
}

function cut(pixels, width, across, down) {
  const image = new Uint8ClampedArray(across.length * down.length * 3);
  let at = 0;
  for (let y = down.first; y < down.first + down.length; y++) {
    for (let from = 4 * (y * width + across.first), end = from + 4 * across.length; from < end; from += 4) {
      for (let channel = 0; channel < 3; channel++) image[at++] = pixels[from + channel];
    }
  }
  return image;
}

function halved({ image, width, height }) {
  const [across, down] = [width / 2, height / 2];
  const half = new Uint8ClampedArray(across * down * 3);
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      for (let channel = 0; channel < 3; channel++) {
        const from = 3 * (2 * y * width + 2 * x) + channel;
        const below = from + 3 * width;
        half[3 * (y * across + x) + channel] = (image[from] + image[from + 3] + image[below] + image[below + 3] + 2) >> 2;
      }
    }
  }
  return { image: half, width: across, height: down };
}
