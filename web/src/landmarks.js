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
export const POINTS = 543, LEFT_HAND = 468, POSE = 489, RIGHT_HAND = 522;

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
