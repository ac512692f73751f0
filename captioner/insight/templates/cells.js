"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const TEXT = Array.from(DATA.text), LENGTH = TEXT.length, HIDDEN = DATA.hidden, LEVELS = 16, GUESSES = 5;
const NEAR = 24;                                        // characters shown around a match
const ESCAPED = {"\n": "⏎", "\t": "⇥", "<": "&lt;", ">": "&gt;", "&": "&amp;"};
const state = {label: 0, layer: 1, number: 0, at: 0, from: null, guesses: false, truth: false};
let levels = [], guesses, chances, nats, truths = [], rows = [], columns = 80, step = 8, drawn = "", dragging = false, ready = false;

async function unpack(text, kind = Uint8Array) {
  const bytes = Uint8Array.from(atob(text), character => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new kind(await new Response(stream).arrayBuffer());
}

// The level, 0 to 15, of a unit's memory after a character.
function level(layer, number, at) {
  const place = number * LENGTH + at, byte = levels[layer - 1][place >> 1];
  return place & 1 ? byte & 15 : byte >> 4;
}

// Cut the text into rows: at line feeds, and where the view ends.
function layout() {
  const probe = document.createElement("span");
  probe.textContent = "0".repeat(100);
  $("rows").replaceChildren(probe);
  const width = probe.getBoundingClientRect().width / 100;
  step = state.guesses ? width * 1.3 : width;
  columns = Math.max(20, Math.floor(($("view").clientWidth - 26) / step));
  $("rows").style.letterSpacing = `${step - width}px`;
  $("rows").style.setProperty("--step", `${step}px`);
  drawn = "";
  rows = [];
  for (let start = 0; start < LENGTH;) {
    let end = start;
    while (end < LENGTH && end - start < columns) if (TEXT[end++] === "\n") break;
    rows.push([start, end]);
    start = end;
  }
  $("room").style.height = `${rows.length * height()}px`;
}

const height = () => state.guesses ? 92 : 20;
const rowOf = at => { let low = 0, high = rows.length - 1;
  while (low < high) { const middle = (low + high + 1) >> 1; if (rows[middle][0] <= at) low = middle; else high = middle - 1; }
  return low; };

// Draw the rows that can be seen, and no others; neighbours that look alike are one element.
function draw() {
  const view = $("view"), first = Math.max(0, Math.floor(view.scrollTop / height()) - 4);
  const last = Math.min(rows.length, first + Math.ceil(view.clientHeight / height()) + 8);
  const now = [first, last, state.layer, state.number, state.at, state.from, state.guesses, state.truth, state.label, columns].join();
  if (now === drawn) return;
  drawn = now;
  const label = DATA.labels[state.label], truth = state.truth && label ? truths[state.label] : null;
  const middle = truth ? 254 * mean(state.label) : 0, [low, high] = picked();
  let html = "";
  for (let row = first; row < last; row++) {
    const [start, end] = rows[row];
    html += `<div class="row${state.guesses ? " tall" : ""}" data-row="${row}">`;
    let text = "", before = "";
    for (let at = start; at < end; at++) {
      let look = `l${level(state.layer, state.number, at)}`;
      if (truth && truth[at] < 255 && truth[at] > middle) look += " on";
      if (at >= low && at <= high) look += " picked";
      if (at === state.at) look += " caret";
      if (look !== before && text) { html += `<i class="${before}">${text}</i>`; text = ""; }
      before = look;
      text += ESCAPED[TEXT[at]] || TEXT[at];
    }
    html += `<i class="${before}">${text}</i>`;
    if (state.guesses) for (let rank = 0; rank < GUESSES; rank++) html += guessLine(start, end, rank);
    html += "</div>";
  }
  $("rows").style.transform = `translateY(${first * height()}px)`;
  $("rows").innerHTML = html;
}

// The characters that were likeliest to follow, under each character, the stronger the likelier.
function guessLine(start, end, rank) {
  let html = "";
  for (let at = start; at < end; at++) {
    const chance = chances[at * GUESSES + rank], symbol = DATA.symbols[guesses[at * GUESSES + rank]];
    html += `<b style="background:rgb(200 60 50 / ${(chance / 255 * .8).toFixed(2)})">${chance > 2 ? ESCAPED[symbol] || symbol : ""}</b>`;
  }
  return `<span class="guess">${html}</span>`;
}

// The place of the character under the pointer.
function placeAt(event) {
  const line = event.target.closest("[data-row]");
  if (!line) return null;
  const [start, end] = rows[Number(line.dataset.row)];
  return Math.max(start, Math.min(end - 1, start + Math.floor((event.clientX - line.getBoundingClientRect().left) / step)));
}

const mean = label => means[label] ??= (() => {
  if (!DATA.labels[label].graded) return .5;
  let sum = 0, count = 0;
  for (const value of truths[label]) if (value < 255) { sum += value; count++; }
  return sum / Math.max(1, count) / 254;
})();
const means = [];
const picked = () => state.from === null ? [1, 0] : [Math.min(state.from, state.at), Math.max(state.from, state.at)];

function show(at, centre = false) {
  state.at = Math.max(0, Math.min(LENGTH - 1, at));
  const view = $("view"), top = rowOf(state.at) * height();
  if (centre || top < view.scrollTop || top + height() > view.scrollTop + view.clientHeight)
    view.scrollTop = top - view.clientHeight / (centre ? 2 : 3);
  refresh();
}

function refresh() {
  if (!ready) return;
  draw();
  const value = level(state.layer, state.number, state.at) / (LEVELS - 1) * 2 - 1;
  $("status").textContent = `${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(1)} after ${JSON.stringify(TEXT[state.at])}` +
    ` · ${(nats[state.at] / 20).toFixed(1)} nats`;
  const hash = new URLSearchParams({cell: `${state.layer}.${state.number}`, at: state.at});
  if (DATA.labels[state.label]) hash.set("label", DATA.labels[state.label].label);
  if (state.from !== null) hash.set("from", state.from);
  for (const key of ["guesses", "truth"]) if (state[key]) hash.set(key, 1);
  history.replaceState(null, "", `#${hash}`);
}

// ---- the evidence ----
function table(entries) {
  const made = document.createElement("table");
  for (const [name, value, bar, isNull] of entries) {
    const row = made.insertRow(), left = row.insertCell(), right = row.insertCell();
    left.textContent = name;
    if (bar !== undefined) {
      const track = document.createElement("span"), drawn = document.createElement("span");
      track.className = "track";
      drawn.className = isNull ? "bar null" : "bar";
      drawn.style.width = `${Math.max(0, Math.min(1, bar)) * 100}%`;
      track.append(drawn);
      right.append(track);
    }
    right.append(value);
  }
  return made;
}

function evidence() {
  const one = DATA.labels[state.label], place = $("evidence");
  place.replaceChildren();
  if (!one) return;
  const add = (kind, text, name = "") => { const made = document.createElement(kind); made.textContent = text; made.className = name; place.append(made); };
  const fixed = number => number.toFixed(3);
  add("h2", `${one.label}: ${one.about}`);
  add("p", one.verdict + (one.future ? " (of what comes later)" : ""), "verdict");
  const kind = one.graded ? "correlation" : "average precision";
  const entries = [["best cell", `${one.signal}.${one.number}`], [kind, fixed(one.score)], ["95 % of bootstraps", one.interval.map(fixed).join(" to ")]];
  if (!one.graded) entries.push(["share of characters where it is on", fixed(one.base_rate)], ["overlap with the label (IoU)", fixed(one.iou)]);
  place.append(table(entries));
  add("p", "Strength, from 0 for chance to 1 for a perfect cell, and what it is compared with:", "note");
  place.append(table([["this cell", fixed(one.strength), one.strength], ["best 4 cells", fixed(one.few), one.few],
    ["all cells together", fixed(one.probe), one.probe],
    ["label moved along the text", fixed(one.nulls.shifted), one.nulls.shifted, true],
    ["the same model, untrained", fixed(one.nulls.untrained), one.nulls.untrained, true],
    ["the last 3 characters", fixed(one.nulls.lookup), one.nulls.lookup, true],
    ["random labels of characters", fixed(one.nulls.control), one.nulls.control, true]]));
  const effects = Object.entries(one.effects);
  if (effects.length) {
    add("p", "Loss that its memory's ablation costs, nats a character where the property is on; elsewhere; the worst of 5 other cells:", "note");
    place.append(table(effects.map(([name, e]) => [`set to ${name}`, `${fixed(e.on)}; ${fixed(e.off)}; ${fixed(e.control)}`])));
    add("p", `Over all characters: ${one.effects.mean.every.toFixed(4)} set to its mean, ${one.rise_if_label.toFixed(4)} set to what the property tells of it`, "note");
    if (one.steered) add("p", `Mean of the property in text written with the cell held off ${fixed(one.steered.off)}, ` +
      `free ${fixed(one.steered.free)}, on ${fixed(one.steered.on)}`, "note");
    if (one.raised.length) add("p", "Held on instead of off, likelier next: " +
      one.raised.map(c => `${JSON.stringify(c.character)} ${fixed(c.off)} → ${fixed(c.on)}`).join(", "), "note");
  }
}

// The next place where the cell says the opposite of the label, the worst of the next ones first.
function nextError() {
  const one = DATA.labels[state.label], truth = truths[state.label];
  if (!one) return;
  const limit = 254 * mean(state.label), [layer, number] = one.cell;
  const bar = one.on_level ?? (LEVELS - 1) / 2;
  let best = -1, worst = 0;
  for (let step = 1; step < LENGTH; step++) {
    const at = (state.at + step) % LENGTH;
    if (truth[at] === 255) continue;
    const gap = (truth[at] > limit ? bar - level(layer, number, at) : level(layer, number, at) - bar) * one.sign;
    if (gap > worst) { worst = gap; best = at; }
    if (step > 4000 && best >= 0) break;
  }
  if (best >= 0) { choose(layer, number); state.from = null; state.truth = $("truth").checked = true; show(best, true); }
}

// ---- cells that are on in a range and off around it, and where else they are on ----
function search() {
  const [low, high] = picked(), place = $("found");
  place.hidden = high - low < 1;
  if (place.hidden) return;
  const width = high - low + 1, before = Math.max(0, low - width), after = Math.min(LENGTH - 1, high + width);
  const scored = [];
  for (let layer = 1; layer <= levels.length; layer++) for (let number = 0; number < HIDDEN; number++) {
    let inside = 0, least = LEVELS, most = 0, outside = 0, count = 0;
    for (let at = low; at <= high; at++) { const value = level(layer, number, at); inside += value; least = Math.min(least, value); most = Math.max(most, value); }
    for (let at = before; at <= after; at++) if (at < low || at > high) { outside += level(layer, number, at); count++; }
    const gap = inside / width - outside / Math.max(1, count);
    scored.push({layer, number, gap, sign: Math.sign(gap), bar: gap > 0 ? least : most});
  }
  scored.sort((a, b) => Math.abs(b.gap) - Math.abs(a.gap));
  place.replaceChildren();
  const add = (kind, text, name) => { const made = document.createElement(kind); made.textContent = text; if (name) made.className = name; place.append(made); return made; };
  add("h2", "On in the selection, off around it");
  for (const one of scored.slice(0, 6)) add("button", `${one.layer}.${one.number}  ${one.gap > 0 ? "+" : "−"}${(Math.abs(one.gap) * 2 / (LEVELS - 1)).toFixed(2)}`)
    .onclick = () => { choose(one.layer, one.number); refresh(); };
  const keys = scored.slice(0, 3).filter(one => Math.abs(one.gap) >= 2);
  const isOn = at => keys.length && keys.every(one => (level(one.layer, one.number, at) - one.bar) * one.sign >= 0);
  const places = [];
  for (let at = 0; at < LENGTH && places.length < 8; at++) {
    if (!isOn(at)) continue;
    let end = at;
    while (end + 1 < LENGTH && isOn(end + 1)) end++;
    if (end < low || at > high) places.push([at, end]);
    at = end;
  }
  add("h2", places.length ? `Other places where ${keys.map(k => `${k.layer}.${k.number}`).join(", ")} are so` : "No other place where they are so");
  for (const [at, end] of places) {
    const around = (from, to) => TEXT.slice(Math.max(0, from), to).join("").replace(/\s/g, " ");
    add("button", `${around(at - NEAR, at)}[${around(at, Math.min(end + 1, at + NEAR))}]${around(end + 1, end + 1 + NEAR)}`)
      .onclick = () => { state.from = at; show(end, true); };
  }
}

// ---- gates ----
function gates() {
  const entries = Object.entries(DATA.gates.gates), size = 110, gap = 26;
  const NS = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(NS, "svg"), across = Math.min(3, Math.max(1, entries.length)), down = Math.ceil(entries.length / across);
  svg.setAttribute("viewBox", `0 0 ${across * (size + gap)} ${down * (size + gap)}`);
  const add = (name, attributes, text) => { const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text; svg.append(made); };
  entries.forEach(([name, {left, right}], index) => {
    const x = (index % across) * (size + gap) + 8, y = Math.floor(index / across) * (size + gap) + 16;
    add("text", {x, y: y - 4}, `gate ${name}`);
    add("rect", {x, y, width: size, height: size});
    left.forEach((share, unit) => add("circle", {cx: x + right[unit] * size, cy: y + (1 - share) * size, r: 2,
      class: name.startsWith(`${state.layer}.`) && unit === state.number ? "now" : ""}));
  });
  $("saturation").replaceChildren(svg);
  const lines = Object.entries(DATA.gates.half_lives).map(([layer, lives]) => {
    const sorted = [...lives].sort((a, b) => a - b);
    return [`half-life of memory, layer ${layer}: median, longest`, `${sorted[sorted.length >> 1].toFixed(1)}, ${sorted.at(-1).toFixed(0)} characters`];
  });
  const mine = DATA.gates.half_lives[state.layer];
  if (mine) lines.push([`of cell ${state.layer}.${state.number}`, `${mine[state.number].toFixed(1)} characters`]);
  for (const [layer, dead] of Object.entries(DATA.gates.dead)) lines.push([`dead cells, layer ${layer}`, String(dead.length)]);
  $("lives").replaceChildren(table(lines));
}

// ---- controls ----
function choose(layer, number) {
  state.layer = layer;
  state.number = (number + HIDDEN) % HIDDEN;
  $("layer").value = layer;
  $("number").value = $("slider").value = state.number;
  gates();
}

function chooseLabel(index) {
  state.label = index;
  $("label").value = index;
  if (DATA.labels[index]) choose(...DATA.labels[index].cell);
  evidence();
}

function read() {
  const hash = new URLSearchParams(location.hash.slice(1)), number = key => hash.has(key) ? Number(hash.get(key)) : null;
  const label = DATA.labels.findIndex(one => one.label === hash.get("label"));
  chooseLabel(label >= 0 ? label : 0);
  const [layer, unit] = (hash.get("cell") || "").split(".").map(Number);
  if (layer >= 1 && layer <= levels.length && unit >= 0 && unit < HIDDEN) choose(layer, unit);
  for (const key of ["guesses", "truth"]) $(key).checked = state[key] = hash.get(key) === "1";
  const inside = at => at === null || !(at >= 0 && at < LENGTH) ? null : Math.floor(at);
  state.from = inside(number("from"));
  layout();
  show(inside(number("at")) ?? 0, true);
  search();
}

function move(to, select) {
  if (!select) state.from = null; else if (state.from === null) state.from = state.at;
  show(to);
  search();
}

function key(event) {
  const row = rowOf(state.at), [start] = rows[row], page = Math.max(1, Math.floor($("view").clientHeight / height()) - 1);
  const vertical = by => { const [first, end] = rows[Math.max(0, Math.min(rows.length - 1, row + by))]; return Math.min(end - 1, first + state.at - start); };
  const places = {ArrowLeft: () => state.at - 1, ArrowRight: () => state.at + 1, ArrowUp: () => vertical(-1), ArrowDown: () => vertical(1),
    PageUp: () => vertical(-page), PageDown: () => vertical(page), Home: () => event.ctrlKey ? 0 : start, End: () => event.ctrlKey ? LENGTH - 1 : rows[row][1] - 1};
  if (places[event.key]) { event.preventDefault(); move(places[event.key](), event.shiftKey); }
  else if (event.key === "Escape") move(state.at, false);
}

function keyAnywhere(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input[type=number], select")) return;
  if (event.key === "[") choose(state.layer, state.number - 1);
  else if (event.key === "]") choose(state.layer, state.number + 1);
  else if (event.key === "e") return nextError();
  else return;
  refresh();
}

async function begin() {
  levels = await Promise.all(DATA.layers.map(layer => unpack(layer.levels)));
  [guesses, chances, nats] = await Promise.all([unpack(DATA.guesses, Uint16Array), unpack(DATA.chances), unpack(DATA.nats)]);
  truths = await Promise.all(DATA.labels.map(one => unpack(one.values)));
  ready = true;
  DATA.labels.forEach((one, index) => $("label").add(new Option(`${one.label} (${one.strength.toFixed(2)}: ${one.verdict})`, index)));
  DATA.layers.forEach((layer, index) => $("layer").add(new Option(`${index + 1} (${layer.kind === "c" ? "memory" : layer.kind})`, index + 1)));
  $("number").max = $("slider").max = HIDDEN - 1;
  $("label").onchange = () => { chooseLabel(Number($("label").value)); refresh(); };
  $("layer").onchange = () => { choose(Number($("layer").value), state.number); refresh(); };
  for (const id of ["number", "slider"]) $(id).oninput = () => { choose(state.layer, Number($(id).value) || 0); refresh(); };
  for (const id of ["guesses", "truth"]) $(id).onchange = () => { state[id] = $(id).checked; layout(); show(state.at, true); };
  $("error").onclick = nextError;
  let waiting = false;
  $("view").onscroll = () => { if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; draw(); }); } };
  $("view").onpointerdown = event => { const at = placeAt(event); if (at === null) return;
    if (event.pointerType === "mouse") { dragging = true; if (event.shiftKey) state.from ??= state.at; else state.from = null; }
    state.at = at; refresh(); };
  $("view").onpointermove = event => { if (!dragging) return; const at = placeAt(event); if (at === null || at === state.at) return;
    state.from ??= state.at; state.at = at; refresh(); getSelection().removeAllRanges(); };
  addEventListener("pointerup", () => { if (dragging) { dragging = false; search(); } });
  $("view").onkeydown = key;
  addEventListener("keydown", keyAnywhere);
  addEventListener("resize", () => { layout(); show(state.at, true); });
  addEventListener("hashchange", read);
  read();
}
begin();
