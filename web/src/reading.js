// The reader's thread: model.tflite in LiteRT's WebAssembly, frames of points -> a phrase.

import {loadAndCompile, loadLiteRt, Tensor} from '@litertjs/core';

const CHARACTERS = " !#$%&'()*+,-./0123456789:;=?@[_abcdefghijklmnopqrstuvwxyz~";  // text.py
const NOTHING = '2 a-e -aroe';  // what the model says where it finds nothing to read
const LEAST = 1e-6;  // scoring/confidence.py
let model, frameCounts, calibration;

async function load(question) {
  model = question.model;
  ({frameCounts, confidence: calibration} = question.about);
  // Of a page from disk, a thread cannot load what the page can, but what it has itself given an address.
  const [wasm, script] = [['wasm', 'application/wasm'], ['script', 'text/javascript']].map(
    ([part, type]) => URL.createObjectURL(new Blob([question[part]], {type})));
  self.Module = {locateFile: () => wasm};
  await loadLiteRt(`${script}#.js`);  // which asks for a name that ends so
  return {};
}

// The file is compiled for each number of frames, as LiteRT in the browser takes tensors of fixed sizes alone.
async function read({values, frames}) {
  const bytes = new DataView(model.buffer);
  for (const offset of frameCounts) bytes.setInt32(offset, frames, true);
  const compiled = await loadAndCompile(model, {accelerator: 'wasm'});
  const input = new Tensor(values, [frames, values.length / frames]);
  const outputs = await compiled.run({inputs: input});
  const rows = outputs.outputs.toTypedArray(), [length] = outputs.length.toTypedArray();
  const width = CHARACTERS.length;
  let text = '';
  for (let i = 0; i < length; i++) {
    const row = rows.subarray(i * width, (i + 1) * width);
    text += CHARACTERS[row.indexOf(Math.max(...row))];
  }
  const confidence = calibrated(outputs.probability?.toTypedArray()[0]);
  for (const used of [input, ...Object.values(outputs), compiled]) used.delete();
  const unsure = confidence !== null && confidence < calibration.threshold;
  return {text: text === NOTHING || unsure ? '' : text, confidence};
}

// As Calibration in scoring/confidence.py.
function calibrated(probability) {
  if (!calibration || probability === undefined) return null;
  const clipped = Math.min(Math.max(probability, LEAST), 1 - LEAST);
  const logit = calibration.intercept + calibration.slope * Math.log(clipped / (1 - clipped));
  return 1 / (1 + Math.exp(-logit));
}

self.onmessage = ({data}) => (data.model ? load(data) : read(data)).then(
  answer => self.postMessage(answer), error => self.postMessage({error: String(error?.message ?? error)}));
