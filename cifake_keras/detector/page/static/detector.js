// The network, by TensorFlow.js on WebAssembly. `tf` is the global of its scripts.

export const SIZE = 32;

/** Returns predict(images, count): Uint8 [count, 32, 32, 3] to the probability of FAKE, Float32 [count]. */
export async function load() {
  // Threads need a page that is isolated from other origins, which few hosts offer.
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  tf.wasm.setWasmPaths(new URL("vendor/", document.baseURI).href);
  if (!(await tf.setBackend("wasm"))) throw new Error("WebAssembly is missing or switched off");
  const model = await tf.loadGraphModel("model/model.json");
  return (images, count) => tf.tidy(() => {
    const values = Float32Array.from(images, (value) => value / 255);
    return model.predict(tf.tensor4d(values, [count, SIZE, SIZE, 3])).dataSync();
  });
}
