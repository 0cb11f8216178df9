// The page: a webcam or a video -> landmarks drawn over it -> the phrase, letter by letter under the time line.

import {FPS, Piece} from './frames.js';
import {Landmarks, LEFT_HAND, POSE, RIGHT_HAND} from './landmarks.js';
import {DOUBTFUL, Reader} from './reader.js';

const READ_EVERY = 0.4;  // seconds of the video
const READ_SHARE = 0.1;  // of the time, at most
const KEPT = 600;  // frames of which the points are kept
const SHOWN = 12;  // seconds of the time line
const FINGERS = ['#6a1239', '#cca007', '#59c38d', '#6ea0c7', '#5042b5'];  // as in the chapters: plots/style.py
const HAND_BONES = [
  [0, 1], [1, 2], [2, 3], [3, 4], [0, 5], [5, 6], [6, 7], [7, 8], [5, 9], [9, 10], [10, 11], [11, 12],
  [9, 13], [13, 14], [14, 15], [15, 16], [0, 17], [13, 17], [17, 18], [18, 19], [19, 20],
];
const ARMS = [[11, 13], [13, 15], [12, 14], [14, 16], [11, 12]];

const by = id => document.getElementById(id);
const video = by('video'), canvas = by('picture'), pen = canvas.getContext('2d', {willReadFrequently: true});
let landmarks, reader, running = 0;
const say = text => { by('status').textContent = text; };

// Returns the video's picture as it is now; the video goes on while MediaPipe looks at it.
const still = document.createElement('canvas'), copy = still.getContext('2d', {willReadFrequently: true});
function taken() {
  [still.width, still.height] = [video.videoWidth, video.videoHeight];
  copy.drawImage(video, 0, 0);
  return copy.getImageData(0, 0, still.width, still.height);
}

function draw(picture, points, mirrored) {
  [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.style.transform = mirrored ? 'scaleX(-1)' : '';
  pen.putImageData(picture, 0, 0);
  pen.lineCap = 'round';
  pen.lineWidth = Math.max(2, canvas.height / 160);
  const line = (from, to, colour) => {
    if (!points[from] || !points[to]) return;
    pen.strokeStyle = colour;
    pen.beginPath();
    pen.moveTo(points[from][0] * canvas.width, points[from][1] * canvas.height);
    pen.lineTo(points[to][0] * canvas.width, points[to][1] * canvas.height);
    pen.stroke();
  };
  for (const [a, b] of ARMS) line(POSE + a, POSE + b, '#ffffffb0');
  for (const hand of [LEFT_HAND, RIGHT_HAND])
    for (const [a, b] of HAND_BONES) line(hand + a, hand + b, FINGERS[Math.floor((Math.max(a, b) - 1) / 4)]);
}

// The letters of the phrase that is being spelled, each with the second in which it was first read in its place.
class Letters {
  constructor() { this.letters = []; }

  update(text, confidence, second) {
    let kept = 0;
    this.confidence = confidence;
    while (kept < text.length && this.letters[kept]?.character === text[kept]) kept++;
    this.letters = [...this.letters.slice(0, kept), ...[...text.slice(kept)].map(character => ({character, second}))];
    by('phrase').textContent = text || '…';
  }

  show(second) {
    const line = by('letters'), start = Math.max(second - SHOWN, 0);
    line.replaceChildren();
    let left = 100;  // %; letters that came together stand side by side
    for (const letter of this.letters.filter(each => each.second >= start).reverse()) {
      const mark = document.createElement('span');
      mark.textContent = letter.character === ' ' ? '␣' : letter.character;
      left = Math.min(100 * (letter.second - start) / SHOWN, left - 1.8);
      mark.style.left = `${left}%`;
      if (left >= 0) line.prepend(mark);
    }
  }
}

function finish(letters) {
  const text = letters.letters.map(letter => letter.character).join('');
  if (!text) return;
  const entry = document.createElement('li'), sure = letters.confidence;
  const doubt = sure < DOUBTFUL ? ', doubtful' : '';
  entry.textContent = sure === null ? text : `${text}  (${Math.round(100 * sure)} %${doubt})`;
  by('phrases').append(entry);
}

// Reads pictures one after the other, until there are none or something else is begun.
async function run(pictures, isLive) {
  const mine = ++running, began = performance.now();
  const piece = new Piece();
  let letters = new Letters(), readAt = -Infinity, readFrom = 0, count = 0, open = false;
  const read = async second => {
    const started = performance.now();
    letters.update(await reader.read(piece.even()), reader.confidence, second);
    readAt = second;
    readFrom = started + (performance.now() - started) / READ_SHARE;
  };
  const close = async second => {
    if (!open) return;
    await read(second);
    finish(letters);
    open = false;
  };
  const show = async ({picture, second, found}) => {
    const points = await found;
    if (mine !== running) return;
    draw(picture, points, isLive);
    if (open && piece.resting(second)) await close(second);
    if (piece.take({second, points})) {
      if (open) finish(letters);
      [letters, open] = [new Letters(), true];
    }
    if (open && second - readAt >= READ_EVERY && performance.now() >= readFrom) await read(second);
    letters.show(second);
    const rate = ++count / (performance.now() - began) * 1000;
    say(`${second.toFixed(1)} s, ${rate.toFixed(0)} frames per second${open ? '' : ': show a hand, head and shoulders'}`);
    Object.assign(page, {frames: count, rate});
    page.points.push(points);
    if (page.points.length > KEPT) page.points.shift();
  };
  await landmarks.forget(isLive);
  by('phrases').replaceChildren();
  by('phrase').textContent = '…';
  let before = null;
  for await (const {picture, second} of pictures) {
    if (mine !== running) return;
    const found = landmarks.find(picture, second);
    if (before) await show(before);
    before = {picture, second, found};
  }
  if (before) await show(before);
  if (mine !== running) return;
  await close(piece.last);
  letters.show(piece.last);
  page.done = true;
  say(`${by('status').textContent}; finished`);
}

// Shows the picture of a moment. It may be there only after the video says that it is; the same picture as before is not
// announced again, which a fifth of a second settles.
async function seek(second) {
  const announced = new Promise(resolve => video.requestVideoFrameCallback(resolve));
  await new Promise(resolve => { video.onseeked = resolve; video.currentTime = second; });
  await Promise.race([announced, new Promise(resolve => setTimeout(resolve, 200))]);
}

// Steps through a video at 30 frames per second, however long each takes; the next is sought while one is looked at.
async function* stepped() {
  let sought = seek(0.5 / FPS);
  for (let i = 0; (i + 0.5) / FPS < video.duration; i++) {
    await sought;
    const picture = taken();
    sought = seek((i + 1.5) / FPS);
    yield {picture, second: i / FPS};
  }
}

// Takes a camera's pictures as fast as they can be read.
async function* live() {
  const began = performance.now(), next = () => new Promise(resolve => video.requestVideoFrameCallback(resolve));
  let arrived = next();
  while (video.srcObject?.active) {
    await arrived;
    arrived = next();
    yield {picture: taken(), second: (performance.now() - began) / 1000};
  }
}

function stop() {
  running++;
  video.srcObject?.getTracks().forEach(track => track.stop());
  video.srcObject = null;
  video.removeAttribute('src');
  Object.assign(page, {done: false, points: []});
}

async function camera() {
  stop();
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 480}, audio: false});
  } catch (error) {
    return say(`No camera: ${error.message}. Has the browser been allowed to use it, and does no other program hold it?`);
  }
  await video.play();
  await run(live(), true);
}

async function file(chosen) {
  stop();
  const loaded = new Promise((resolve, reject) => { video.onloadeddata = resolve; video.onerror = reject; });
  video.src = URL.createObjectURL(chosen);
  try {
    await loaded;
  } catch {
    return say(`${chosen.name}: not a video that this browser can play; MP4 with H.264 is one.`);
  }
  if (!Number.isFinite(video.duration)) return say(`${chosen.name}: does not say how long it is; convert it to MP4.`);
  await run(stepped(), false);
}

const failed = error => { say(String(error?.message ?? error)); console.error(error); };
// What a test of the page looks at.
const page = window.page = {
  done: false, frames: 0, rate: 0, ready: false, points: [],
  read: frames => reader.read(frames), confidence: () => reader.confidence,
};
by('camera').onclick = () => camera().catch(failed);
by('stop').onclick = () => { stop(); say('Stopped.'); };
by('file').onchange = event => { if (event.target.files[0]) file(event.target.files[0]).catch(failed); };

async function load() {
  say('Loading MediaPipe and the model …');
  [landmarks, reader] = [await Landmarks.load(), await Reader.load()];
  for (const control of document.querySelectorAll('button, input')) control.disabled = false;
  page.ready = true;
  say('Ready. Show head, shoulders and one hand.');
}

load().catch(failed);
