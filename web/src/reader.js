// model.tflite in LiteRT's WebAssembly: frames of points -> a phrase.

import {loadAndCompile, loadLiteRt, Tensor} from '@litertjs/core';
import {address, asset} from './assets.js';
import {LEFT_HAND, POSE, RIGHT_HAND} from './landmarks.js';

const CHARACTERS = " !#$%&'()*+,-./0123456789:;=?@[_abcdefghijklmnopqrstuvwxyz~";  // text.py
const NOTHING = '2 a-e -aroe';  // what the model says where it finds nothing to read
const LEAST = 1e-6;  // scoring/confidence.py
export const DOUBTFUL = 0.8;  // as there
// The 130 points that the model reads, as landmarks.py selects them.
const range = (start, length) => Array.from({length}, (_, i) => start + i);
const LIPS = [
  0, 61, 185, 40, 39, 37, 267, 269, 270, 409, 291, 146, 91, 181, 84, 17, 314, 405, 321, 375,
  78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308,
];
const NOSE = [1, 2, 98, 327];
const RIGHT_EYE = [33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173];
const LEFT_EYE = [263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398];
const ARMS = [12, 14, 16, 18, 20, 22, 11, 13, 15, 17, 19, 21].map(i => POSE + i);
export const SELECTED = [
  ...LIPS, ...range(LEFT_HAND, 21), ...range(RIGHT_HAND, 21), ...NOSE, ...RIGHT_EYE, ...LEFT_EYE, ...ARMS,
];

export class Reader {
  static async load() {
    const reader = new Reader();
    reader.model = await asset('model.tflite');
    const about = JSON.parse(new TextDecoder().decode(await asset('model.json')));
    [reader.frameCounts, reader.calibration] = [about.frameCounts, about.confidence];
    const wasm = await address('litert_wasm_compat_internal.wasm', 'application/wasm');
    const script = await address('litert_wasm_compat_internal.js', 'text/javascript');
    window.Module = {locateFile: () => wasm};
    await loadLiteRt(`${script}#.js`);  // which asks for a name that ends so
    return reader;
  }

  // Of the last phrase, the score to be expected, 0..1; null where the model does not say.
  confidence = null;

  // Reads frames of 543 points at 30 per second; '' where nothing is readable. The file is compiled for each number of
  // frames, as LiteRT in the browser takes tensors of fixed sizes alone.
  async read(frames) {
    this.confidence = null;
    if (!frames.length) return '';
    const values = new Float32Array(frames.length * 3 * SELECTED.length);
    let place = 0;
    for (const frame of frames)
      for (const axis of [0, 1, 2])
        for (const point of SELECTED) values[place++] = frame[point] ? frame[point][axis] : NaN;
    const bytes = new DataView(this.model.buffer);
    for (const offset of this.frameCounts) bytes.setInt32(offset, frames.length, true);
    const model = await loadAndCompile(this.model, {accelerator: 'wasm'});
    const input = new Tensor(values, [frames.length, 3 * SELECTED.length]);
    const outputs = await model.run({inputs: input});
    const rows = outputs.outputs.toTypedArray(), [length] = outputs.length.toTypedArray();
    const width = CHARACTERS.length;
    let text = '';
    for (let i = 0; i < length; i++) {
      const row = rows.subarray(i * width, (i + 1) * width);
      text += CHARACTERS[row.indexOf(Math.max(...row))];
    }
    this.confidence = this.calibrated(outputs.probability?.toTypedArray()[0]);
    for (const used of [input, ...Object.values(outputs), model]) used.delete();
    const unsure = this.confidence !== null && this.confidence < this.calibration.threshold;
    return text === NOTHING || unsure ? '' : text;
  }

  // As Calibration in scoring/confidence.py.
  calibrated(probability) {
    if (!this.calibration || probability === undefined) return null;
    const clipped = Math.min(Math.max(probability, LEAST), 1 - LEAST);
    const logit = this.calibration.intercept + this.calibration.slope * Math.log(clipped / (1 - clipped));
    return 1 / (1 + Math.exp(-logit));
  }
}
