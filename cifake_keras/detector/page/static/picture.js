// Files to pixels as the package decodes them: upright, in sRGB, transparency over white, the first frame.

import { format, hasWideTransparency, plain, upright } from "./metadata.js";

// So many rows at a time: some browsers refuse large canvases, and draw nothing instead.
const ROWS = 256;

/** What is wrong with a file, for people. */
export class Unreadable extends Error {}

/** Returns { pixels: RGBA Uint8 [height, width, 4], width, height }; throws Unreadable. */
export async function read(file, limits) {
  if (file.size > limits.bytes) {
    throw new Unreadable(`“${file.name}” is too large: ${count(file.size)} bytes, and ${count(limits.bytes)} are the limit.`);
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (!format(bytes)) throw noPicture(file);
  if (hasWideTransparency(bytes)) {
    throw new Unreadable(`“${file.name}” has 16 bits a channel and a transparent colour; save it with an alpha channel instead.`);
  }
  const { width, height } = await measure(file);
  if (width * height > limits.pixels) {
    const pixels = `${count(width)} × ${count(height)} pixels`;
    throw new Unreadable(`“${file.name}” is too large: ${pixels}, and ${limits.pixels / 1e6} million are the limit.`);
  }
  try {
    return await decode(bytes);
  } catch {
    throw new Unreadable(`“${file.name}” can’t be decoded; it may be damaged.`);
  }
}

const count = (number) => number.toLocaleString("en");

const noPicture = ({ name }) => new Unreadable(`“${name}” is not a picture (JPEG, PNG, WebP, GIF or BMP), or it is damaged.`);

/** Its size by its header, before it is decoded. */
async function measure(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await new Promise((resolve, reject) => Object.assign(image, { onload: resolve, onerror: reject }));
    return { width: image.naturalWidth, height: image.naturalHeight };
  } catch {
    throw noPicture(file);
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

async function decode(bytes) {
  const { parts, orientation } = plain(bytes);
  const bitmap = await createImageBitmap(new Blob(parts));
  const { width, height } = bitmap;
  const canvas = Object.assign(document.createElement("canvas"), { width, height: Math.min(ROWS, height) });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  const pixels = new Uint8ClampedArray(width * height * 4);
  for (let top = 0; top < height; top += ROWS) {
    context.fillRect(0, 0, width, ROWS);
    context.drawImage(bitmap, 0, -top);
    pixels.set(context.getImageData(0, 0, width, Math.min(ROWS, height - top)).data, top * width * 4);
  }
  bitmap.close();
  return upright(pixels, width, height, orientation);
}
