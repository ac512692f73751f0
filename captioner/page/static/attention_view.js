// A picture with attention over it: pale and grey, and in colour where the attention is.
import {make, wantsCalm} from "./dom.js";

const FINE = 8;          // cells of the mask per location and direction
const FADE = 260;        // milliseconds from one map to the next
const LARGEST = 1100;    // pixels of the longer side of the drawing

// Return the four weights of a uniform cubic B-spline, which is smooth and never negative.
function splineWeights(t) {
  const s = 1 - t;
  return [s * s * s / 6, (3 * t * t * t - 6 * t * t + 4) / 6, (3 * s * s * s - 6 * s * s + 4) / 6, t * t * t / 6];
}

// Return a row of `count` numbers, read at each `stride`, at `FINE` times as many places.
function stretch(values, offset, stride, count) {
  const fine = new Float32Array(count * FINE);
  for (let place = 0; place < fine.length; place++) {
    const at = (place + .5) / FINE - .5, first = Math.floor(at);
    splineWeights(at - first).forEach((weight, k) => {
      const cell = Math.max(0, Math.min(count - 1, first + k - 1));
      fine[place] += weight * values[offset + cell * stride];
    });
  }
  return fine;
}

// Return a canvas whose opacity is the attention, smooth between the locations.
export function attentionMask(weights, [rows, columns]) {
  const wide = columns * FINE, tall = rows * FINE, across = new Float32Array(rows * wide);
  for (let row = 0; row < rows; row++) across.set(stretch(weights, row * columns, 1, columns), row * wide);
  const pixels = new ImageData(wide, tall);
  let highest = 1e-9;
  const values = new Float32Array(wide * tall);
  for (let column = 0; column < wide; column++) {
    stretch(across, column, wide, rows).forEach((value, row) => {
      values[row * wide + column] = value;
      highest = Math.max(highest, value);
    });
  }
  values.forEach((value, at) => { pixels.data[4 * at + 3] = 255 * Math.min(1, value / highest) ** .8; });
  const canvas = make("canvas", {width: wide, height: tall});
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

export class AttentionView {
  // Build the picture inside `place`.
  constructor(place) {
    this.image = make("img", {class: "base", alt: "", draggable: "false"});
    this.canvas = make("canvas", {class: "attended", "aria-hidden": "true"});
    this.sheet = make("div", {class: "sheet"}, this.image, this.canvas);
    place.append(make("div", {class: "frame"}, this.sheet));
    this.grid = null;
    this.box = [0, 0, 1, 1];
    this.weights = null;
    this.frame = 0;
  }

  // Show a picture without attention; resolves when it is there, rejects where it cannot be read.
  async setPicture(url, description) {
    this.show(null);
    this.grid = null;
    const image = this.coming = new Image();
    image.src = url;
    await image.decode();
    if (image !== this.coming) return;
    this.image.src = url;
    this.image.alt = description;
    this.source = image;
    const scale = Math.min(1, LARGEST / Math.max(image.naturalWidth, image.naturalHeight));
    this.canvas.width = Math.round(image.naturalWidth * scale);
    this.canvas.height = Math.round(image.naturalHeight * scale);
    this.sheet.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
  }

  // Say which part of the picture the locations cover: shares of width and height.
  setGrid(grid, box) {
    this.grid = grid;
    this.box = box || [0, 0, 1, 1];
    this.weights = null;
  }

  // Lay a map over the picture, gliding from the one before; null takes it away.
  show(weights) {
    cancelAnimationFrame(this.frame);
    const visible = Boolean(weights && this.grid && this.source);
    this.sheet.classList.toggle("masked", visible);
    if (!visible) { this.weights = null; return; }
    const from = this.weights || weights, start = performance.now();
    const step = now => {
      const share = wantsCalm() ? 1 : Math.min(1, (now - start) / FADE), ease = share * (2 - share);
      this.weights = weights.map((weight, at) => from[at] + (weight - from[at]) * ease);
      this.draw();
      if (share < 1) this.frame = requestAnimationFrame(step);
    };
    step(start);
  }

  // Draw the picture in colour where the mask is opaque.
  draw() {
    const {width, height} = this.canvas, context = this.canvas.getContext("2d");
    const [left, top, right, bottom] = this.box;
    context.globalCompositeOperation = "copy";
    context.imageSmoothingQuality = "high";
    context.drawImage(attentionMask(this.weights, this.grid), left * width, top * height, (right - left) * width, (bottom - top) * height);
    context.globalCompositeOperation = "source-in";
    context.drawImage(this.source, 0, 0, width, height);
  }
}
