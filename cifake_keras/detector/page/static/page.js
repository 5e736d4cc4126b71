// What a person does with the page, and what it shows them.

import { SIZE, load } from "./detector.js";
import { middle } from "./middle.js";
import { occlusion } from "./occlusion.js";
import { Unreadable, read } from "./picture.js";
import { resize } from "./resize.js";

const $ = (id) => document.getElementById(id);
const { realBelow, fakeFrom, maxBytes, maxPixels, otherSize, native } = document.body.dataset;
const limits = { bytes: Number(maxBytes), pixels: Number(maxPixels) };

// Of 32 pixels, and of pictures as they are where the page has one: which is asked goes by a picture's size.
const small = { realBelow: Number(realBelow), fakeFrom: Number(fakeFrom) };
const larger = native && JSON.parse(native);
let latest = 0;

async function start() {
  try {
    small.predict = await load();
    if (larger) larger.predict = await load("native");
  } catch (error) {
    say(`The detector could not be loaded (${error.message}). Serve this folder over HTTP and use a current browser.`, "wrong");
    return;
  }
  $("file").disabled = false;
  say("Ready.");
  listen();
}

function listen() {
  $("file").addEventListener("change", () => look($("file").files));
  document.addEventListener("paste", (event) => look(event.clipboardData.files));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    $("drop").classList.add("over");
  });
  document.addEventListener("dragleave", () => $("drop").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
    look(event.dataTransfer.files);
  });
}

/** Of several files the first; a file that comes while another is read takes its place. */
async function look([file]) {
  if (!file) return;
  const turn = ++latest;
  $("answer").hidden = true;
  say(`Looking at “${file.name}”…`);
  try {
    const picture = await read(file, limits);
    if (turn === latest) show(file, picture);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    if (turn === latest) say(error.message, "wrong");
  }
}

function show(file, { pixels, width, height }) {
  const isLarge = larger && Math.min(width, height) >= larger.least;
  const detector = isLarge ? larger : small;
  const seen = isLarge ? middle(pixels, width, height, larger) : { image: resize(pixels, width, height, SIZE), width: SIZE, height: SIZE };
  const [probability] = detector.predict(seen.image, 1, seen.height, seen.width);
  const verdict = verdictOf(probability, detector);
  $("verdict").textContent = verdict;
  $("probability").textContent = percent(probability);
  $("probability").dataset.value = probability;
  $("mark").style.left = `${100 * probability}%`;
  $("size").textContent = `${width} × ${height} pixels.`;
  URL.revokeObjectURL($("picture").src);
  $("picture").src = URL.createObjectURL(file);
  $("caution").textContent = isLarge ? "" : caution(width, height);
  $("caution").hidden = !$("caution").textContent;
  $("seen").setAttribute("aria-label", `What the network sees of your picture: ${seen.width} by ${seen.height} pixels`);
  $("seen-size").textContent = `${seen.width} × ${seen.height} pixels, and no more.`;
  paint($("seen"), seen);
  $("why").hidden = isLarge;
  if (!isLarge) explain(seen.image);
  $("answer").hidden = false;
  say(`${verdict}: ${percent(probability)} probability of a generator.`, "told");
}

function verdictOf(probability, { realBelow, fakeFrom }) {
  if (probability >= fakeFrom) return "Looks synthetic";
  return probability < realBelow ? "Looks like a photograph" : "Cannot tell";
}

/** Why not to rely on the answer to a picture of this size, as `cifake-keras predict` says it; else empty. */
const caution = (width, height) => (width === SIZE && height === SIZE ? "" : `${width}x${height}, ${otherSize}`);

/** One decimal, and never certain. */
const percent = (probability) => `${Math.min(Math.max(100 * probability, 0.1), 99.9).toFixed(1)}%`;

function explain(image) {
  const map = occlusion(small.predict, image);
  const strongest = map.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
  const shown = new Uint8ClampedArray(image.length);
  map.forEach((value, pixel) => {
    const grey = (image[3 * pixel] + image[3 * pixel + 1] + image[3 * pixel + 2]) / 3;
    const strength = Math.abs(value) / strongest;
    const colour = value > 0 ? [232, 89, 12] : [28, 110, 214];
    colour.forEach((level, channel) => {
      shown[3 * pixel + channel] = grey + strength * 0.85 * (level - grey);
    });
  });
  paint($("map"), { image: shown, width: SIZE, height: SIZE });
  const peak = map.reduce((best, value, pixel) => (Math.abs(value) > Math.abs(map[best]) ? pixel : best), 0);
  const side = map[peak] > 0 ? "a generator" : "a photograph";
  $("map").setAttribute("aria-label", `Map of your picture. The ${place(peak)} speaks most, for ${side}.`);
}

function place(pixel) {
  const third = (position) => Math.floor((3 * position) / SIZE);
  const row = ["upper", "middle", "lower"][third(Math.floor(pixel / SIZE))];
  return `${row} ${["left", "centre", "right"][third(pixel % SIZE)]}`;
}

/** RGB [height, width, 3] onto a canvas, which takes that size. */
function paint(canvas, { image, width, height }) {
  Object.assign(canvas, { width, height });
  const data = new ImageData(width, height);
  data.data.fill(255);
  for (let pixel = 0; pixel < width * height; pixel++) data.data.set(image.subarray(3 * pixel, 3 * pixel + 3), 4 * pixel);
  canvas.getContext("2d").putImageData(data, 0, 0);
}

/** kind: "wrong", or "told" where the page shows it already and a screen reader alone needs the words. */
function say(text, kind = "") {
  $("status").textContent = text;
  $("status").className = kind;
}

start();
