// The tree of a search as it is drawn and pointed at.
import {make, makeSvg, percent, signed, groupColour, wantsCalm} from "./dom.js";
import {ROOT_SIZE, treeAfter, placeNodes} from "./tree_layout.js";

const GLIDE = 300;      // milliseconds from one step to the next

export class SearchTree {
  // Build the tree; `does` has force(node), ban(node) and point(node or null), each optional.
  constructor(does = {}) {
    this.does = does;
    this.svg = makeSvg("svg", {role: "group", "aria-label": "The tree of the search"});
    this.edges = makeSvg("g", {class: "edges"});
    this.dots = makeSvg("g", {class: "nodes"});
    this.svg.append(this.edges, this.dots);
    this.stage = make("div", {class: "stage"}, this.svg);
    this.tip = make("div", {class: "tip", hidden: true});
    this.element = make("div", {class: "tree"}, this.stage, this.tip);
    this.shown = new Map();
    this.groups = 1;
    this.marked = null;
    this.focused = null;
    this.stage.addEventListener("scroll", () => this.hideTip());
    this.svg.addEventListener("keydown", event => this.key(event));
    addEventListener("pointerdown", event => { if (!this.element.contains(event.target)) this.hideTip(); });
  }

  // Set the picture at the root.
  setPicture(url) { this.picture = url; this.clear(); }

  // Remove everything that is drawn.
  clear() {
    cancelAnimationFrame(this.frame);
    this.shown.clear();
    this.edges.replaceChildren();
    this.dots.replaceChildren();
    this.hideTip();
  }

  // Draw the first `count` steps; nodes glide to their new places. `pinned(node)` tells forced words.
  draw(steps, count, {few = 8, hidePruned = false, groups = 1, pinned = () => false} = {}) {
    this.groups = groups;
    const {nodes, width, fits, height} = placeNodes(treeAfter(steps, count, few), hidePruned, this.stage.clientWidth);
    const keys = new Set(nodes.map(node => node.key)), before = this.shown, hadFocus = this.svg.contains(document.activeElement);
    this.hideTip();
    for (const [key, one] of before) if (!keys.has(key)) { one.mark.remove(); one.edge?.remove(); }
    this.shown = new Map(nodes.map(node => [node.key, this.place(node, before, pinned)]));
    const fit = Math.max(height, this.stage.clientHeight - 4);
    this.lift = Math.max(0, (this.stage.clientHeight - 4 - height) / 2);
    for (const [name, value] of [["width", Math.max(width, 10)], ["height", fit]]) this.svg.setAttribute(name, value);
    this.glide();
    this.follow(nodes, fits ? 0 : width);
    this.markPath(this.marked);
    this.keepFocus(nodes, hadFocus);
  }

  // Return what is drawn of a node: what was there, or new elements that start at the parent.
  place(node, before, pinned) {
    const old = before.get(node.key), parent = node.parent && (before.get(node.parent.key) || null);
    const start = old ? old.now : parent ? {...parent.now} : {x: node.x, y: node.y};
    const one = {node, from: {...start}, now: {...start}, edge: old?.edge, mark: old?.mark};
    const state = node.kept ? (node.active ? "" : " pruned") : " dropped";
    if (node.parent) {
      one.edge ||= this.edges.appendChild(makeSvg("path"));
      one.edge.setAttribute("class", "edge" + state);
      one.edge.style.setProperty("--group", groupColour(node.group, this.groups));
      one.edge.style.strokeWidth = 1 + 4 * Math.exp(node.logProb);
    }
    one.mark ||= this.dots.appendChild(makeSvg("g"));
    one.mark.setAttribute("class", "node" + state + (node.fresh ? " fresh" : "") + (node.end ? " end" : "") + (pinned(node) ? " pinned" : ""));
    one.mark.style.setProperty("--group", groupColour(node.group, this.groups));
    this.fill(one);
    return one;
  }

  // Draw a node's mark and its word, and listen to it.
  fill({node, mark}) {
    mark.replaceChildren();
    if (node.id === 0) {
      const half = ROOT_SIZE / 2;
      if (this.picture) mark.append(makeSvg("image", {href: this.picture, x: -half, y: -half, width: ROOT_SIZE, height: ROOT_SIZE, preserveAspectRatio: "xMidYMid slice", class: "root"}));
      else mark.append(makeSvg("circle", {r: 7}));
      return;
    }
    mark.append(makeSvg("rect", {x: -10, y: -(node.kept ? 12 : 8), width: node.width + 14, height: node.kept ? 24 : 16, rx: 6, class: "ground"}));
    mark.append(makeSvg("circle", {r: node.kept ? 5 : 3}));
    const text = makeSvg("text", {x: 10, y: 0, text: node.label});
    if (node.share) text.append(makeSvg("tspan", {dx: 6, class: "share", text: node.share}));
    mark.append(text);
    mark.setAttribute("role", "button");
    mark.setAttribute("tabindex", "-1");
    mark.setAttribute("aria-label", this.lines(node).join(", "));
    mark.onpointerenter = event => { if (event.pointerType === "mouse") this.showTip(node, mark); };
    mark.onpointerleave = event => { if (event.pointerType === "mouse") this.hideTip(); };
    mark.onfocus = () => { this.focused = node; if (mark.matches(":focus-visible")) this.showTip(node, mark); };
    // A tip with buttons stays while they are pressed.
    mark.onblur = () => { if (!this.tip.classList.contains("held")) this.hideTip(); };
    mark.onclick = event => {
      if (event.altKey) this.does.ban?.(node);
      else if (event.pointerType === "touch" || event.pointerType === "pen") this.showTip(node, mark, true);
      else this.does.force?.(node);
    };
  }

  // Return what is known of a node, line by line.
  lines(node) {
    const state = !node.kept ? "dropped" : !node.active ? "kept, later pruned" : node.end ? "finished" : "kept";
    return [`${node.label}: ${state}`,
      `probability ${percent(Math.exp(node.logProb))}  (log ${signed(node.logProb, 3)})`,
      `log-probability so far ${signed(node.total, 3)}`,
      node.penalty ? `penalty for words of other groups ${signed(node.penalty, 3)}` : "",
      Math.abs(node.score - node.total) > 5e-4 ? `score ${signed(node.score, 3)}` : ""].filter(Boolean);
  }

  // Show what is known of a node beside it; `withButtons` for fingers, which cannot alt-click.
  showTip(node, mark, withButtons = false) {
    const [first, ...others] = this.lines(node), {force, ban} = this.does;
    this.tip.replaceChildren(make("b", {text: first}), ...others.map(line => make("span", {text: line})));
    if (withButtons && force) this.tip.append(make("div", {class: "choices"},
      make("button", {text: "Force", onclick: () => force(node)}), make("button", {text: "Ban", onclick: () => ban(node)})));
    else if (force) this.tip.append(make("small", {text: mark === document.activeElement ? "Enter forces it, B bans it" : "click: force · alt-click: ban"}));
    this.tip.hidden = false;
    this.tip.classList.toggle("held", withButtons);
    const box = mark.getBoundingClientRect(), {offsetWidth, offsetHeight} = this.tip, {clientWidth} = document.documentElement;
    // Beside the word, where it hides no other candidate; below or above it where there is no room.
    const beside = box.right + 12 + offsetWidth < clientWidth, below = box.bottom + 8 + offsetHeight < innerHeight;
    const top = beside ? Math.min(box.top - 6, innerHeight - offsetHeight - 8) : below ? box.bottom + 6 : box.top - offsetHeight - 6;
    this.tip.style.left = `${beside ? box.right + 10 : Math.max(8, clientWidth - offsetWidth - 8)}px`;
    this.tip.style.top = `${top}px`;
    this.markPath(node);
    this.does.point?.(node);
  }

  // Take the tip away.
  hideTip() {
    if (this.tip.hidden) return;
    this.tip.hidden = true;
    this.markPath(null);
    this.does.point?.(null);
  }

  // Mark the words of a sentence, or of a node's path.
  markPath(node) {
    this.marked = node;
    for (const one of this.shown.values()) {
      const on = Boolean(node) && one.node.depth > 0 && one.node.path.every((word, at) => word === node.path[at]) && (one.node.kept || one.node === node);
      one.mark.classList.toggle("on-path", on);
      one.edge?.classList.toggle("on-path", on);
    }
  }

  // Move everything from where it is to where it belongs.
  glide() {
    cancelAnimationFrame(this.frame);
    const start = performance.now(), still = wantsCalm();
    const step = now => {
      const share = still ? 1 : Math.min(1, Math.max(0, now - start) / GLIDE), ease = 1 - (1 - share) ** 3;
      for (const one of this.shown.values()) {
        one.now.x = one.from.x + (one.node.x - one.from.x) * ease;
        one.now.y = one.from.y + (one.node.y - one.from.y) * ease;
        one.mark.setAttribute("transform", `translate(${one.now.x.toFixed(1)},${(one.now.y + this.lift).toFixed(1)})`);
      }
      for (const one of this.shown.values()) if (one.edge) one.edge.setAttribute("d", this.curve(one));
      if (share < 1) this.frame = requestAnimationFrame(step);
    };
    step(start);
  }

  // Return the curve from the end of the parent's word to a node.
  curve(one) {
    const parent = this.shown.get(one.node.parent.key), x0 = parent.now.x + parent.node.width + 4, x1 = one.now.x - 7;
    const y0 = parent.now.y + this.lift, y1 = one.now.y + this.lift, bend = Math.max(14, (x1 - x0) * .5);
    return `M${x0.toFixed(1)},${y0.toFixed(1)} C${(x0 + bend).toFixed(1)},${y0.toFixed(1)} ${(x1 - bend).toFixed(1)},${y1.toFixed(1)} ${x1.toFixed(1)},${y1.toFixed(1)}`;
  }

  // Scroll so that the words of the last step are seen, and the picture too as long as the tree fits.
  follow(nodes, width) {
    const fresh = nodes.filter(node => node.fresh), {clientWidth, clientHeight} = this.stage;
    const behavior = wantsCalm() ? "auto" : "smooth";
    const middle = fresh.length ? (Math.min(...fresh.map(n => n.y)) + Math.max(...fresh.map(n => n.y))) / 2 : 0;
    this.stage.scrollTo({left: fresh.length ? Math.max(0, width - clientWidth) : 0, top: Math.max(0, middle - clientHeight / 2), behavior});
  }

  // Keep one node reachable by Tab, and the focus where it was, or on the same path.
  keepFocus(nodes, hadFocus) {
    const old = this.focused;
    const fresh = nodes.filter(node => node.fresh);
    const next = (old && fresh.find(n => n.path.join(" ") === old.path.join(" "))) || (old && fresh.find(n => n.parent.key === old.key)) ||
      (old && fresh.find(n => n.path.every((w, at) => w === old.path[at]))) || fresh[0] || nodes.at(-1);
    if (next.id !== 0) this.shown.get(next.key).mark.setAttribute("tabindex", "0");
    this.focused = next;
    if (hadFocus && next.id !== 0) this.shown.get(next.key).mark.focus({preventScroll: true});
  }

  // Up and down go through the words of a step; Enter forces, B bans.
  key(event) {
    const node = this.focused;
    if (event.key === "Escape") return this.hideTip();
    if (!node || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      const column = [...this.shown.values()].filter(one => one.node.depth === node.depth).sort((a, b) => a.node.y - b.node.y);
      const at = column.findIndex(one => one.node.key === node.key), next = column[at + (event.key === "ArrowUp" ? -1 : 1)];
      event.preventDefault();
      if (next) { next.mark.focus({preventScroll: true}); next.mark.scrollIntoView({block: "nearest", inline: "nearest"}); this.showTip(next.node, next.mark); }
    } else if (event.key === "Enter") { event.preventDefault(); this.does.force?.(node); }
    else if (event.key === "b" || event.key === "B" || event.key === "Delete") { event.preventDefault(); this.does.ban?.(node); }
  }
}
