// Frames as a camera of 30 per second takes them, and the pieces in which someone spells: what video/reading.py does.

import {LEFT_HAND, RIGHT_HAND} from './landmarks.js';
import {SELECTED} from './reader.js';

export const FPS = 30;
const REST = 1.0;  // seconds without a hand: one phrase has ended, the next has not begun
const LONGEST = 12.0;  // seconds of a piece, about what a model reads whole; the command looks for a still moment
const SHORTEST = 8;  // frames with a hand

export const handSeen = frame => Boolean(frame[LEFT_HAND] || frame[RIGHT_HAND]);

// Returns what was seen at even times, from frames {second, points} taken at any: the points that are read, where they
// were in between, or, where one of both frames has not found them, as in the nearer one.
export function atEvenTimes(frames) {
  const even = [], start = frames[0].second;
  let after = 1;
  for (let i = 0; start + i / FPS <= frames.at(-1).second + 1e-6; i++) {
    const time = start + i / FPS;
    while (after < frames.length - 1 && frames[after].second < time) after++;
    const [a, b] = frames.length > 1 ? [frames[after - 1], frames[after]] : [frames[0], frames[0]];
    const share = b === a ? 0 : Math.min(Math.max((time - a.second) / (b.second - a.second), 0), 1);
    const nearer = share < 0.5 ? a : b;
    const points = [];
    for (const point of SELECTED) {
      const from = a.points[point], to = b.points[point];
      points[point] = from && to ? from.map((value, axis) => value + share * (to[axis] - value)) : nearer.points[point];
    }
    even.push(points);
  }
  return even;
}

// Follows frames as they come: which of them belong to the phrase that is being spelled.
export class Piece {
  frames = [];
  seen = 0;
  last = -Infinity;  // second in which a hand was last seen

  // Takes a frame; returns whether it begins another phrase, after a rest or a long one.
  take(frame) {
    const hand = handSeen(frame.points);
    const long = this.frames.length && frame.second - this.frames[0].second > LONGEST;
    const begins = hand && (long || frame.second - this.last > REST);
    if (begins) [this.frames, this.seen] = [[], 0];
    if (this.frames.length || hand) this.frames.push(frame);
    if (hand) [this.seen, this.last] = [this.seen + 1, frame.second];
    return begins;
  }

  resting(second) { return second - this.last > REST; }

  // Returns the phrase's frames at even times, from the first to the last with a hand; none if these are too few.
  even() {
    const frames = this.frames.filter(frame => frame.second <= this.last);
    return this.seen < SHORTEST ? [] : atEvenTimes(frames);
  }
}
