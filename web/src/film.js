// The frames of a video file, one after the other, each when it is asked for: none is skipped, none comes twice.

import {ALL_FORMATS, BlobSource, CanvasSink, Input} from 'mediabunny';
import {FPS} from './frames.js';

// Returns the frames of a file, {picture, second} each and upright, of a fast video every second or third, as
// video/extract.py takes them.
export async function filmed(file) {
  if (!window.VideoDecoder) throw new Error('This browser decodes videos only in pages from https, localhost or a disk.');
  const track = await new Input({formats: ALL_FORMATS, source: new BlobSource(file)}).getPrimaryVideoTrack().catch(() => null);
  if (!await track?.canDecode()) throw new Error(`${file.name}: not a video that this browser can play; MP4 with H.264 is one.`);
  const {bestGuessFrameRate} = await track.computeFrameRateMetrics();
  return every(Math.max(1, Math.round(bestGuessFrameRate / FPS)), new CanvasSink(track));
}

async function* every(stride, sink) {
  let number = 0;
  for await (const {canvas, timestamp} of sink.canvases())
    if (number++ % stride === 0) yield {picture: canvas, second: timestamp};
}
