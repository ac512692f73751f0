"use strict";
const STEPS = JSON.parse(document.getElementById("steps").textContent);
const ROW = 22, MARGIN = 34;
const longest = Math.max(0, ...STEPS.map(step => step.time));
const $ = id => document.getElementById(id);
const groups = 1 + Math.max(0, ...STEPS.map(step => step.group));
const colour = group => `hsl(${(215 + group * 360 / groups) % 360} 62% 48%)`;
let at = 0, timer = null;

// Return the root of the tree after the first `count` selections.
function treeAfter(count) {
  const root = {id: 0, word: "<bos>", children: [], depth: 0, group: 0, logProb: 0, total: 0, kept: true, active: true};
  const nodes = new Map([[0, root]]), displaced = new Set();
  const show = $("dropped").value;
  STEPS.slice(0, count).forEach((step, number) => {
    const last = number === count - 1;
    const holding = new Set();
    for (const [parent, id, word, logProb, total, penalty, score, end] of step.candidates) {
      const from = nodes.get(parent);
      if (!from) continue;
      if (from.end) {                                  // a finished hypothesis, which keeps its place in the beam or loses it
        if (id === null) displaced.add(parent); else { holding.add(id); from.score = score; }
        continue;
      }
      if (id === null && !(show === "all" || (show === "now" && last))) continue;
      const node = {id, word, logProb, total, penalty, score, end: !!end, group: step.group, time: step.time,
        kept: id !== null, fresh: last, parent: from, depth: from.depth + 1, children: []};
      from.children.push(node);
      if (id !== null) { nodes.set(id, node); holding.add(id); }
    }
    for (const id of holding) displaced.delete(id);
  });
  // Active are the hypotheses of the beam, and the nodes on the way to them.
  const latest = new Map();
  STEPS.slice(0, count).forEach(step => latest.set(step.group, step.time));
  const active = node => node.active = node.children.map(active).includes(true) ||
    (node.kept && !displaced.has(node.id) && (node.end || node.id === 0 || node.time === latest.get(node.group)));
  active(root);
  return root;
}

// Give each node its row; a parent stands in the middle of its children.
function layout(root) {
  let row = 0;
  const nodes = [], visit = node => {
    nodes.push(node);
    node.children.sort((a, b) => a.group - b.group || (b.kept - a.kept) || b.score - a.score);
    if (!node.children.length) node.y = row++;
    else { node.children.forEach(visit); node.y = (node.children[0].y + node.children.at(-1).y) / 2; }
  };
  visit(root);
  return {nodes, rows: row};
}

function element(name, attributes, parent, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function draw() {
  const svg = $("tree"), {nodes, rows} = layout(treeAfter(at));
  svg.replaceChildren();
  const stage = svg.parentElement;
  const COLUMN = Math.max(80, Math.min(118, (stage.clientWidth - 2 * MARGIN) / (longest + 1)));
  const width = MARGIN * 2 + COLUMN * (1 + Math.max(...nodes.map(node => node.depth)));
  const height = MARGIN + ROW * rows;
  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const x = node => MARGIN + node.depth * COLUMN, y = node => MARGIN / 2 + (node.y + .5) * ROW;
  const state = node => node.kept ? (node.active ? "" : " pruned") : " dropped";
  for (const node of nodes) if (node.parent) {
    const [x0, y0, x1, y1] = [x(node.parent), y(node.parent), x(node), y(node)], bend = COLUMN * .45;
    element("path", {class: "edge" + state(node), style: `--group:${colour(node.group)}`,
      "stroke-width": 1 + 5 * Math.exp(node.logProb),
      d: `M${x0},${y0} C${x1 - bend},${y0} ${x1 - bend},${y1} ${x1},${y1}`}, svg);
  }
  for (const node of nodes) {
    const g = element("g", {class: "node" + state(node) + (node.fresh ? " fresh" : "") + (node.end ? " end" : ""),
      style: `--group:${colour(node.group)}`, transform: `translate(${x(node)},${y(node)})`}, svg);
    element("circle", {r: node.kept ? 5 : 3}, g);
    element("text", {x: 9, y: 0, stroke: "var(--card)", "stroke-width": 3, "paint-order": "stroke"}, g,
      node.end ? "■ end" : node.word);
    g.addEventListener("pointermove", event => tip(event, node));
    g.addEventListener("pointerleave", () => $("tip").style.display = "none");
  }
  const step = STEPS[at - 1], last = Math.max(...nodes.map(x));
  if (last + 2 * COLUMN > stage.scrollLeft + stage.clientWidth || last < stage.scrollLeft)
    stage.scrollLeft = last + 2 * COLUMN - stage.clientWidth;
  $("at").value = at;
  $("status").textContent = `step ${at} of ${STEPS.length}` +
    (step ? `: word ${step.time}` + (groups > 1 ? `, group ${step.group + 1}` : "") : "");
}

function tip(event, node) {
  const words = [];
  for (let n = node; n; n = n.parent) words.unshift(n.word);
  const lines = [words.slice(1).join(" ") || "the beginning"];
  if (node.id !== 0) {
    lines.push(`probability of the word ${(100 * Math.exp(node.logProb)).toPrecision(3)} %  (log ${node.logProb.toFixed(3)})`);
    lines.push(`log-probability so far ${node.total.toFixed(3)}`);
    if (node.penalty) lines.push(`penalty ${node.penalty.toFixed(3)}`);
    if (Math.abs(node.score - node.total) > 5e-4) lines.push(`score ${node.score.toFixed(3)}`);
    lines.push(node.kept ? (node.active ? (node.end ? "finished" : "kept") : "kept, later pruned") : "dropped");
  }
  const box = $("tip");
  box.textContent = lines.join("\n");
  box.style.display = "block";
  box.style.left = Math.min(event.clientX + 14, innerWidth - box.offsetWidth - 8) + "px";
  box.style.top = Math.min(event.clientY + 14, innerHeight - box.offsetHeight - 8) + "px";
}

function go(to) {
  at = Math.max(0, Math.min(STEPS.length, to));
  if (at === STEPS.length) stop();
  draw();
}
function stop() { clearInterval(timer); timer = null; $("play").textContent = "play"; }
function play() {
  if (timer) return stop();
  if (at === STEPS.length) at = 0;
  $("play").textContent = "pause";
  timer = setInterval(() => go(at + 1), 700);
}
$("back").addEventListener("click", () => go(at - 1));
$("on").addEventListener("click", () => go(at + 1));
$("play").addEventListener("click", play);
$("at").max = STEPS.length;
$("at").addEventListener("input", event => go(+event.target.value));
$("dropped").addEventListener("change", draw);
addEventListener("keydown", event => {
  const to = {ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: STEPS.length}[event.key];
  if (event.target.tagName === "SELECT") return;
  if (to !== undefined) { event.preventDefault(); stop(); go(to); }
  else if (event.key === " " && event.target.tagName !== "BUTTON") { event.preventDefault(); play(); }
});
if (groups > 1) for (let group = 0; group < groups; group++) {
  const one = document.createElement("span"), dot = document.createElement("i");
  dot.style.setProperty("--group", colour(group));
  one.append(dot, `group ${group + 1}`);
  $("legend").append(one);
}
const wanted = /^#(\d+)$/.exec(location.hash);
go(wanted ? +wanted[1] : STEPS.length);
