// How much the answer hangs on each pixel: grey squares cover the image one after another, and the detector answers anew.

import { SIZE } from "./detector.js";

const SIDE = 8;
const STEP = 2;
const STARTS = Array.from({ length: (SIZE - SIDE) / STEP + 1 }, (_, index) => index * STEP);
const SQUARES = STARTS.flatMap((top) => STARTS.map((left) => [top, left]));

/**
 * Float32 [32, 32]: by how much the log-odds of FAKE fall, on average, when the pixel is covered. Positive: it speaks
 * for FAKE.
 */
export function occlusion(predict, image) {
  const batch = new Uint8Array((SQUARES.length + 1) * image.length);
  SQUARES.forEach((square, index) => batch.set(covered(image, square), index * image.length));
  batch.set(image, SQUARES.length * image.length);
  const odds = Array.from(predict(batch, SQUARES.length + 1), logOdds);
  const whole = odds.pop();
  const sum = new Float32Array(SIZE * SIZE);
  const times = new Float32Array(SIZE * SIZE);
  SQUARES.forEach((square, index) => within(square, (pixel) => {
    sum[pixel] += whole - odds[index];
    times[pixel] += 1;
  }));
  return sum.map((value, pixel) => value / times[pixel]);
}

function covered(image, square) {
  const copy = image.slice();
  within(square, (pixel) => copy.fill(128, pixel * 3, pixel * 3 + 3));
  return copy;
}

function within([top, left], visit) {
  for (let y = top; y < top + SIDE; y++) for (let x = left; x < left + SIDE; x++) visit(y * SIZE + x);
}

/** Bounded, as a probability of 0 or 1 has none. */
function logOdds(probability) {
  const inside = Math.min(Math.max(probability, 1e-6), 1 - 1e-6);
  return Math.log(inside / (1 - inside));
}
