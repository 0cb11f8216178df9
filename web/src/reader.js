// The reader, in a thread of its own: MediaPipe looks at the next picture meanwhile.

import {address, asset} from './assets.js';

export class Reader {
  static async load() {
    const reader = new Reader();
    reader.thread = new Worker(await address('reading.js', 'text/javascript'));
    await reader.ask({
      model: await asset('model.tflite'),
      about: JSON.parse(new TextDecoder().decode(await asset('model.json'))),
      wasm: await asset('litert_wasm_compat_internal.wasm'),
      script: await asset('litert_wasm_compat_internal.js'),
    });
    return reader;
  }

  // Reads frames of 130 points at 30 per second. Returns {text, confidence}: '' where nothing is readable; the score to be
  // expected, 0..1, or null where the model does not say.
  async read(frames) {
    if (!frames.length) return {text: '', confidence: null};
    const values = frames.flatMap(frame => [0, 1, 2].flatMap(axis => frame.map(point => point ? point[axis] : NaN)));
    return this.ask({values: Float32Array.from(values), frames: frames.length});
  }

  // One question at a time.
  ask(question) {
    return new Promise((resolve, reject) => {
      this.thread.onmessage = ({data}) => data.error ? reject(new Error(data.error)) : resolve(data);
      this.thread.onerror = event => reject(new Error(event.message));
      this.thread.postMessage(question);
    });
  }
}
