// The tree of a search: what was considered at each step, what was kept, what was pruned; and where it is drawn.
import {percent} from "./dom.js";

export const ROOT_SIZE = 44;
const KEPT_ROW = 25, DROPPED_ROW = 17, FIRST_COLUMN = 34, LEAST_GAP = 30, MOST_GAP = 46, MARGIN = 30, WIDE = 760, WIDE_MARGIN = 200;
const textMeasure = document.createElement("canvas").getContext("2d");

// Return the root of the tree after the first `count` steps; `few` dropped words of the last one are in it.
export function treeAfter(steps, count, few) {
  const root = {key: "0", id: 0, word: "", children: [], depth: 0, time: 0, group: 0, beam: 0, logProb: 0, total: 0, kept: true, path: []};
  const nodes = new Map([[0, root]]), displaced = new Set(), latest = new Map();
  steps.slice(0, count).forEach((step, number) => step.groups.forEach(({group, candidates}) => {
    const last = number === count - 1, holding = new Set();
    let dropped = 0;
    latest.set(group, step.time);
    for (const [parent, id, token, word, logProb, total, penalty, score, end, beam] of candidates) {
      const from = nodes.get(parent);
      if (!from) continue;
      if (from.end) {                         // a finished sentence, which keeps its place in the beam or loses it
        if (id === null) displaced.add(parent); else { holding.add(id); from.score = score; }
        continue;
      }
      if (id === null && (!last || dropped++ >= few)) continue;
      const node = {key: id === null ? `${parent}-${token}-${step.time}` : String(id), id, token, word, logProb, total, penalty, score, end, beam,
        group, time: step.time, kept: id !== null, fresh: last, parent: from, depth: from.depth + 1, children: [], path: [...from.path, word]};
      from.children.push(node);
      if (id !== null) { nodes.set(id, node); holding.add(id); }
    }
    for (const id of holding) displaced.delete(id);
  }));
  // Active are the sentences of the beam, and the nodes on the way to them.
  const isActive = node => node.active = node.children.map(isActive).includes(true) ||
    (node.kept && !displaced.has(node.id) && (node.end || node.id === 0 || node.time === latest.get(node.group)));
  isActive(root);
  return root;
}

// Give every node its place, from left to right; a parent stands in the middle of its children.
export function placeNodes(root, hidePruned, room) {
  const nodes = [], widths = [];
  let y = 10;
  const visit = node => {
    nodes.push(node);
    node.label = node.end ? "end" : node.word;
    node.share = node.fresh ? percent(Math.exp(node.logProb)) : "";
    textMeasure.font = node.kept ? `${node.fresh ? "600 " : ""}14px system-ui, sans-serif` : "12px system-ui, sans-serif";
    node.width = node.id === 0 ? ROOT_SIZE / 2 : 11 + textMeasure.measureText(node.label).width + (node.share ? 10 + 6.5 * node.share.length : 0);
    widths[node.depth] = Math.max(widths[node.depth] || 0, node.width);
    const children = node.children.filter(child => !hidePruned || child.active || !child.kept);
    children.sort((a, b) => a.group - b.group || b.kept - a.kept || b.score - a.score);
    if (!children.length) { const row = node.kept ? KEPT_ROW : DROPPED_ROW; node.y = y + row / 2; y += row; }
    else { children.forEach(visit); node.y = (children[0].y + children.at(-1).y) / 2; y += 3; }
  };
  visit(root);
  // Columns move together before the tree is wider than its box.
  // On the right of a wide box there is room for what is told of a word.
  const margin = room > WIDE ? WIDE_MARGIN : MARGIN, words = widths.reduce((sum, width) => sum + width, 0);
  const spare = (room - FIRST_COLUMN - margin - words) / Math.max(1, widths.length - 1);
  const gap = Math.max(LEAST_GAP, Math.min(MOST_GAP, spare)), lefts = [FIRST_COLUMN];
  for (let depth = 1; depth < widths.length; depth++) lefts[depth] = lefts[depth - 1] + widths[depth - 1] + gap;
  for (const node of nodes) node.x = lefts[node.depth];
  const end = lefts.at(-1) + widths.at(-1);
  return {nodes, width: end + margin, fits: end + MARGIN <= room, height: Math.max(y + 10, ROOT_SIZE + 20)};
}
