// MediaPipe Holistic in WebAssembly: pictures -> the 543 points of the competition.

import {address} from './assets.js';

const FILES = {
  'holistic.binarypb': '',
  'holistic_solution_packed_assets.data': '',
  'holistic_solution_packed_assets_loader.js': 'text/javascript',
  'holistic_solution_simd_wasm_bin.js': 'text/javascript',
  'holistic_solution_simd_wasm_bin.wasm': 'application/wasm',
  'pose_landmark_full.tflite': '',
};
// Parts in the order of the competition's files, and how many points each has.
const PARTS = [['faceLandmarks', 468], ['leftHandLandmarks', 21], ['poseLandmarks', 33], ['rightHandLandmarks', 21]];
export const LEFT_HAND = 468, POSE = 489, RIGHT_HAND = 522;
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
const SELECTED = [
  ...LIPS, ...range(LEFT_HAND, 21), ...range(RIGHT_HAND, 21), ...NOSE, ...RIGHT_EYE, ...LEFT_EYE, ...ARMS,
];

export const selected = points => SELECTED.map(point => points[point]);

// Where pictures are drawn by the processor, so are MediaPipe's networks run by it, which is many times faster.
function hasGraphicsCard() {
  const gl = document.createElement('canvas').getContext('webgl2');
  const info = gl?.getExtension('WEBGL_debug_renderer_info');
  return !/swiftshader|llvmpipe|software|basic render/i.test(info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : '');
}

export class Landmarks {
  static async load() {
    const places = {};
    for (const [name, type] of Object.entries(FILES)) places[name] = await address(name, type);
    const landmarks = new Landmarks();
    landmarks.holistic = new window.Holistic({locateFile: name => places[name] ?? name});
    landmarks.holistic.setOptions({
      modelComplexity: 1, smoothLandmarks: true, minDetectionConfidence: 0.5, minTrackingConfidence: 0.5,
      useCpuInference: !hasGraphicsCard(),
    });
    landmarks.holistic.onResults(results => { landmarks.results = results; });
    // It would draw the picture and a mask as well, which nobody looks at and which takes a tenth of the time.
    const listener = landmarks.holistic.h.h.listeners[0];
    listener.wants = PARTS.map(([part]) => listener.outs[part].stream);
    listener.outs = Object.fromEntries(PARTS.map(([part]) => [part, listener.outs[part]]));
    await landmarks.holistic.initialize();
    return landmarks;
  }

  start = 0;  // seconds before the first picture of this video, so that MediaPipe's time only rises
  latest = 0;

  // Forgets what was seen, before another video.
  forget() {
    this.holistic.reset();
    this.start = this.latest + 1;
  }

  // Returns the points of a picture, [x, y, z] each, null where nothing was found. Times in seconds rise.
  async find(picture, second) {
    this.latest = this.start + second;
    // MediaPipe smooths points over time. Its own `send` takes the clock's, not the video's: hence what it wraps.
    await this.holistic.h.send({image: picture}, 1000 * this.latest);
    return PARTS.flatMap(([part, count]) => {
      const found = this.results[part];
      return Array.from({length: count}, (_, i) => found ? [found[i].x, found[i].y, found[i].z] : null);
    });
  }
}
