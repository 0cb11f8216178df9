// MediaPipe Holistic in WebAssembly: pictures -> the 543 points of the competition.

import {address, asset} from './assets.js';
import {NETWORKS} from './networks.js';

export const LEFT_HAND = 468, POSE = 489, RIGHT_HAND = 522;
// Wrist, little finger and index finger of a pose, which say where to look for a hand.
const HANDS_IN_POSE = [['left', [15, 17, 19]], ['right', [16, 18, 20]]];
const LEAST_VISIBILITY = 0.1;  // of a wrist, as MediaPipe has it
const LOOK_EVERY = 4;  // pictures

// A thread with a graph, which answers in the order in which it was asked.
class Thread {
  waiting = [];

  constructor(script) {
    this.worker = new Worker(script);
    this.worker.onmessage = ({data: {answer, error}}) => {
      const {resolve, reject} = this.waiting.shift();
      error ? reject(new Error(error)) : resolve(answer);
    };
    this.worker.onerror = event => this.waiting.shift()?.reject(new Error(event.message));
  }

  ask(method, question) {
    return new Promise((resolve, reject) => {
      this.waiting.push({resolve, reject});
      this.worker.postMessage([method, question]);
    });
  }
}

// Holistic's graph in two threads: the body is looked for in a picture while the hands, which need its pose, are looked
// for in the picture before.
export class Landmarks {
  static async load() {
    const landmarks = new Landmarks(), thread = await address('mediapipe.js', 'text/javascript');
    const script = await asset('holistic_solution_simd_wasm_bin.js');
    const wasm = await asset('holistic_solution_simd_wasm_bin.wasm');
    const start = async (part, streams) => {
      const graph = await asset(`${part}.binarypb`), networks = {};
      for (const path of NETWORKS[part])
        networks[`third_party/mediapipe/modules/${path}.tflite`] = (await asset(`${path.split('/')[1]}.tflite`)).buffer;
      landmarks[part] = new Thread(thread);
      await landmarks[part].ask('load', {script, wasm, graph: graph.buffer, networks, streams});
    };
    await start('body', ['face_landmarks', 'pose_landmarks']);
    await start('hands', ['left_hand_landmarks', 'right_hand_landmarks']);
    return landmarks;
  }

  latest = 0;  // seconds; MediaPipe's time only rises

  // Forgets what was seen, before another video, of which each picture counts, or which is live.
  async forget(live) {
    await this.last?.catch(() => {});
    [this.live, this.start, this.count, this.seen] = [live, this.latest + 1, 0, []];
    await Promise.all([this.body.ask('reset'), this.hands.ask('reset')]);
  }

  // Returns a promise of the points of a picture (ImageData), [x, y, z] each, null where nothing was found. Times in
  // seconds rise. The next picture may be given before.
  find(picture, second) {
    this.latest = this.start + second;
    return this.last = this.look(picture, Math.round(1e6 * this.latest), this.count++);
  }

  async look(picture, microseconds, number) {
    const [face, pose] = await this.body.ask('find', {picture, microseconds});
    // To look for a hand that rests out of sight takes as long as to follow one that spells. So, live, while one is seen,
    // the other is looked for now and then.
    const looks = side => !this.live || this.seen[side] || !this.seen[1 - side] || number % LOOK_EVERY === 0;
    const detections = HANDS_IN_POSE.map(([name, points], side) => [
      `${name}_hand_from_pose`,
      pose?.[points[0]][3] > LEAST_VISIBILITY && looks(side) ? points.map(point => pose[point]) : null,
    ]);
    this.seen = await this.hands.ask('find', {picture, microseconds, detections});
    const [left, right] = this.seen;
    return [[face, 468], [left, 21], [pose, 33], [right, 21]].flatMap(
      ([part, count]) => Array.from({length: count}, (_, i) => part ? part[i].slice(0, 3) : null));
  }
}
