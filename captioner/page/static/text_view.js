// Text whose characters are coloured by their surprise or by a unit of the model.
import {make, makeSvg, bar, percent, signed} from "./dom.js";

const LOW = "64 132 196", HIGH = "226 126 38";     // told apart by colour-blind readers
const MOST_BITS = 8;
export const NATS_TO_BITS = 1 / Math.LN2;

// Return for each character of a text its last symbol and its nats; symbols are characters, or bytes of them.
export function alignSymbols(text, symbols, nats) {
  const characters = Array.from(text), found = [];
  const whole = symbols.length === characters.length;
  let at = 0;
  for (const character of characters) {
    const count = whole ? 1 : new TextEncoder().encode(character).length;
    let sum = null;
    for (let k = at; k < at + count && k < symbols.length; k++) if (nats[k] !== null && nats[k] !== undefined) sum = (sum ?? 0) + nats[k];
    at += count;
    found.push({last: at - 1, nats: sum});
  }
  return found;
}

// Return the values of all units after each symbol, -127 to 127, of base64 text.
export function unpackValues(text) {
  return new Int8Array(Uint8Array.from(atob(text), character => character.charCodeAt(0)).buffer);
}

// Return the ground colour of a value from -1 to 1.
export function valueColour(value) {
  return `rgb(${value < 0 ? LOW : HIGH} / ${(Math.min(1, Math.abs(value)) * .85).toFixed(2)})`;
}

// Return the ground colour of a surprise in nats.
export function surpriseColour(nats) {
  return nats === null ? "transparent" : `rgb(${HIGH} / ${(Math.min(1, nats * NATS_TO_BITS / MOST_BITS) * .8).toFixed(2)})`;
}

export class ColouredText {
  // Build the text; `element` holds one span for each character.
  constructor() {
    // A line feed at the end takes a row of a textarea; here it needs something after it.
    this.first = make("i");
    this.element = make("pre", {class: "coloured", "aria-hidden": "true"}, this.first, make("i", {text: "\u200b"}));
    this.spans = [];
    this.text = "";
  }

  // Show a text; characters before and after what changed keep their colours.
  set(text) {
    const before = Array.from(this.text), after = Array.from(text), shorter = Math.min(before.length, after.length);
    let head = 0, tail = 0;
    while (head < shorter && before[head] === after[head]) head++;
    while (tail < shorter - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
    const fresh = after.slice(head, after.length - tail).map(character => make("span", {text: character}));
    for (const span of this.spans.splice(head, before.length - head - tail, ...fresh)) span.remove();
    (this.spans[head - 1] || this.first).after(...fresh);
    this.text = text;
  }

  // Colour the characters: `unit` is a number, or null for the surprise.
  colour(reading, unit) {
    const {places, values, width} = reading;
    this.spans.forEach((span, at) => {
      const place = places[at];
      const colour = !place ? "" : unit === null ? surpriseColour(place.nats) : valueColour(values[place.last * width + unit] / 127);
      if (span.colour !== colour) span.style.backgroundColor = span.colour = colour;
    });
  }

  // Mark the character `at`; null marks none.
  mark(at) {
    this.marked?.classList.remove("marked");
    this.marked = this.spans[at];
    this.marked?.classList.add("marked");
  }

  // Return the number of the character at a point of the window; null where there is none.
  at(x, y) {
    const found = document.elementsFromPoint(x, y).find(one => one.parentElement === this.element && one.tagName === "SPAN");
    return found ? this.spans.indexOf(found) : null;
  }
}

// Return a character as it can be read.
export function visible(character) {
  return {"\n": "⏎", "\t": "⇥", " ": "␣"}[character] || character;
}

// Return what is known of a character: its surprise, and the likeliest next ones with bars.
export function characterView(character, place, guesses) {
  const surprise = place.nats === null ? "nothing is predicted before it" : `surprise ${signed(place.nats * NATS_TO_BITS, 1)} bits (probability ${percent(Math.exp(-place.nats))})`;
  return make("div", {class: "character"}, make("p", {}, make("b", {class: "glyph", text: visible(character)}), ` ${surprise}`),
    make("p", {class: "hint", text: "likeliest after it"}),
    make("ol", {class: "answers small"}, ...guesses.map(([symbol, probability]) =>
      make("li", {}, make("span", {class: "glyph", text: visible(symbol)}), bar(probability), make("span", {class: "share", text: percent(probability)})))));
}

// Return the legend of the colours.
export function textLegend(unit) {
  const steps = Array.from({length: 9}, (_, at) => {
    const swatch = make("i");
    swatch.style.backgroundColor = unit === null ? surpriseColour(at / 8 * MOST_BITS / NATS_TO_BITS) : valueColour(at / 4 - 1);
    return swatch;
  });
  const [left, right] = unit === null ? ["expected", `${MOST_BITS} bits of surprise`] : ["−1", "+1"];
  return make("span", {class: "scale", "aria-label": `colours from ${left} to ${right}`, role: "img"}, left, make("span", {class: "swatches"}, ...steps), right);
}

export class UnitGrid {
  // Build a picture of all units' values after a symbol; `onPick(number)` is called with the one that is clicked.
  constructor(onPick) {
    this.element = makeSvg("svg", {class: "units", role: "img", "aria-label": "All units of the layer after this character; click one to colour the text by it",
      onclick: event => { const number = this.cells.indexOf(event.target); if (number >= 0) onPick(number); }});
    this.cells = [];
  }

  // Show the values after symbol `row`, and which unit is chosen.
  draw(values, width, row, chosen) {
    if (this.cells.length !== width) this.build(width);
    this.cells.forEach((cell, number) => {
      const value = values[row * width + number] / 127;
      cell.style.fill = valueColour(value);
      cell.classList.toggle("chosen", number === chosen);
      cell.firstChild.textContent = `unit ${number}: ${signed(value)}`;
    });
  }

  // Make the cells, in full rows where the number of units has such a divisor.
  build(width) {
    const near = Math.ceil(Math.sqrt(width * 2)), columns = [near, 32, 24, 20, 16].find(count => width % count === 0 && count <= 32) || Math.min(32, near);
    this.element.setAttribute("viewBox", `0 0 ${columns * 10} ${Math.ceil(width / columns) * 10}`);
    this.cells = Array.from({length: width}, (_, number) => makeSvg("rect", {x: number % columns * 10 + .5, y: Math.floor(number / columns) * 10 + .5, width: 9, height: 9, rx: 1.5}, makeSvg("title")));
    this.element.replaceChildren(...this.cells);
  }
}
