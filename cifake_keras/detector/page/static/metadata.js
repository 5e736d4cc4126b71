// What files say beside their pixels: browsers differ in what they make of it, and so it is read and taken out here.

const FORMATS = {
  jpeg: (text) => text.startsWith("\xff\xd8\xff"),
  png: (text) => text.startsWith("\x89PNG\r\n\x1a\n"),
  webp: (text) => text.startsWith("RIFF") && text.slice(8, 12) === "WEBP",
  gif: (text) => text.startsWith("GIF8"),
  bmp: (text) => text.startsWith("BM"),
};

// What makes the pixels of a still picture; gamma, among others, is left to profiles.
const CHUNKS = ["IHDR", "PLTE", "tRNS", "iCCP", "IDAT", "IEND"];

const letters = (bytes, start, end) => String.fromCharCode(...bytes.subarray(start, end));
const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** "jpeg", "png", "webp", "gif" or "bmp" by the content; undefined if none. */
export function format(bytes) {
  const beginning = letters(bytes, 0, 12);
  return Object.keys(FORMATS).find((name) => FORMATS[name](beginning));
}

/** Whether a PNG names a transparent colour of 16 bits, which most programs take for another. */
export function hasWideTransparency(bytes) {
  return format(bytes) === "png" && bytes[24] === 16 && chunks(bytes).some(({ name }) => name === "tRNS");
}

/** Returns { parts: of the file, for a Blob, orientation: 1 to 8, by which its pixels are yet to be turned }. */
export function plain(bytes) {
  const kind = format(bytes);
  if (kind === "png") return plainPng(bytes);
  if (kind === "webp") return plainWebp(bytes);
  return { parts: [bytes], orientation: 1 }; // browsers turn JPEG
}

function plainPng(bytes) {
  const found = chunks(bytes);
  const parts = found.filter(({ name }) => CHUNKS.includes(name)).map(({ start, end }) => bytes.subarray(start, end));
  const exif = found.find(({ name }) => name === "eXIf");
  return { parts: [bytes.subarray(0, 8), ...parts], orientation: exif ? orientation(bytes.subarray(exif.start + 8, exif.end)) : 1 };
}

function chunks(bytes) {
  const found = [];
  for (let start = 8, end; start + 12 <= bytes.length; start = end) {
    end = start + 12 + view(bytes).getUint32(start);
    found.push({ name: letters(bytes, start + 4, start + 8), start, end });
  }
  return found;
}

function plainWebp(bytes) {
  for (let start = 12, length; start + 8 <= bytes.length; start += 8 + length + (length % 2)) {
    length = view(bytes).getUint32(start + 4, true);
    if (letters(bytes, start, start + 4) === "EXIF") {
      const unnamed = new TextEncoder().encode("none");
      const parts = [bytes.subarray(0, start), unnamed, bytes.subarray(start + 4)];
      return { parts, orientation: orientation(bytes.subarray(start + 8, start + 8 + length)) };
    }
  }
  return { parts: [bytes], orientation: 1 };
}

/** By EXIF; 1 where it is damaged or says nothing. */
function orientation(exif) {
  const data = view(letters(exif, 0, 6) === "Exif\0\0" ? exif.subarray(6) : exif);
  try {
    const little = data.getUint16(0) === 0x4949;
    const first = data.getUint32(4, little);
    for (let entry = data.getUint16(first, little) - 1; entry >= 0; entry--) {
      const place = first + 2 + 12 * entry;
      const value = data.getUint16(place + 8, little);
      if (data.getUint16(place, little) === 0x0112) return value >= 1 && value <= 8 ? value : 1;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return 1;
}

/** pixels: RGBA Uint8 [height, width, 4]. Returns { pixels, width, height } turned by an orientation. */
export function upright(pixels, width, height, orientation) {
  if (orientation === 1) return { pixels, width, height };
  const swapped = orientation >= 5;
  const [across, down] = swapped ? [height, width] : [width, height];
  const source = new Uint32Array(pixels.buffer);
  const target = new Uint32Array(source.length);
  for (let y = 0; y < down; y++) {
    const v = [3, 4, 7, 8].includes(orientation) ? down - 1 - y : y;
    for (let x = 0; x < across; x++) {
      const u = [2, 3, 6, 7].includes(orientation) ? across - 1 - x : x;
      target[y * across + x] = source[swapped ? u * width + v : v * width + u];
    }
  }
  return { pixels: new Uint8ClampedArray(target.buffer), width: across, height: down };
}
