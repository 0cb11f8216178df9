// A thread in which MediaPipe's WebAssembly runs a graph: pictures in, landmarks out. It does for any graph what
// MediaPipe's holistic.js does for its own.

let mediapipe, solution, context, texture, found;

async function load({script, wasm, graph, networks, streams}) {
  // In a page from disk, a thread can load nothing but what it has itself given an address.
  importScripts(URL.createObjectURL(new Blob([script], {type: 'text/javascript'})));
  mediapipe = await self.createMediapipeSolutionsWasm({wasmBinary: wasm});
  mediapipe.canvas = new OffscreenCanvas(1, 1);
  mediapipe.GL.makeContextCurrent(mediapipe.GL.createContext(mediapipe.canvas, {majorVersion: 2}));
  context = mediapipe.canvas.getContext('webgl2');
  if (!context) throw new Error('This browser has no WebGL 2 in its threads, which MediaPipe needs; a newer one has.');
  solution = new mediapipe.SolutionWasm();
  solution.loadGraph(graph);
  for (const [path, content] of Object.entries(networks)) solution.overrideFile(path, content);
  const names = new mediapipe.StringList();
  for (const stream of streams) names.push_back(stream);
  solution.attachMultiListener(names, mediapipe.PacketListener.implement({
    onResults(results) { found = streams.map((_, i) => results.get(i)).map(bytes => bytes && landmarks(bytes)); },
  }));
  reset();
}

function reset() {
  solution.reset();
  texture = mediapipe.createTexture();
}

// Returns the landmarks of each stream, [x, y, z, visibility] each; undefined where there are none. Detections are
// [stream, points] each, null where there are none.
function find({picture, microseconds: timestamp, detections = []}) {
  mediapipe.bindTexture2d(texture);
  context.texImage2D(context.TEXTURE_2D, 0, context.RGBA, context.RGBA, context.UNSIGNED_BYTE, picture);
  mediapipe.bindTexture2d(0);
  const packets = new mediapipe.PacketDataList();
  packets.pushTexture2d(
    {glName: texture, width: picture.width, height: picture.height, stream: 'picture', timestamp});
  const lists = detections.map(([stream, points]) => {
    const list = Object.assign(new mediapipe.DetectionListData(), {stream, timestamp});
    list.reset(points ? 1 : 0);
    if (points) list.setBoundingBox(0, floats([0, 0, 0, 0]));
    for (const [x, y] of points ?? []) list.addNormalizedLandmark(0, floats([x, y]));
    packets.pushDetectionList(list);
    return list;
  });
  found = [];
  solution.send(packets);
  for (const used of [packets, ...lists]) used.delete();
  return found;
}

// Returns a protocol buffer whose fields, from 1 on, are floats.
function floats(values) {
  const view = new DataView(new ArrayBuffer(5 * values.length));
  values.forEach((value, i) => {
    view.setUint8(5 * i, (i + 1) << 3 | 5);
    view.setFloat32(5 * i + 1, value, true);
  });
  return new Uint8Array(view.buffer);
}

// Returns the points of a protocol buffer NormalizedLandmarkList, of which x, y, z and visibility are the first fields.
function landmarks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), points = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 2 + bytes[at + 1], point = [];
    for (at += 2; at < end; at += 5) point[(bytes[at] >> 3) - 1] = view.getFloat32(at + 1, true);
    points.push(point.slice(0, 4));
  }
  return points;
}

self.onmessage = async ({data: [method, question]}) => {
  try {
    self.postMessage({answer: await {load, reset, find}[method](question)});
  } catch (error) {
    self.postMessage({error: String(error?.message ?? error)});
  }
};
