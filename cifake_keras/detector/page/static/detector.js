// The networks, by TensorFlow.js on WebAssembly. `tf` is the global of its scripts.

export const SIZE = 32;

/**
 * Returns predict(images, count, height, width): Uint8 [count, height, width, 3] to the probability of FAKE, Float32
 * [count], by the model in a folder of the page; 32 x 32 pixels where no size is named.
 */
export async function load(folder = "model") {
  // Threads need a page that is isolated from other origins, which few hosts offer.
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  tf.wasm.setWasmPaths(new URL("vendor/", document.baseURI).href);
  if (!(await tf.setBackend("wasm"))) throw new Error("WebAssembly is missing or switched off");
  const model = await tf.loadGraphModel(`${folder}/model.json`);
  return (images, count, height = SIZE, width = SIZE) => tf.tidy(() => {
    const values = Float32Array.from(images, (value) => value / 255);
    return model.predict(tf.tensor4d(values, [count, height, width, 3])).dataSync();
  });
}
