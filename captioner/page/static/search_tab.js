// The Search tab: the tree grows while the search runs; words are forced and banned in it.
import {make, dot, groupColour} from "./dom.js";
import {SearchTree} from "./search_tree.js";
import {StepPlayer} from "./step_player.js";
import {captionList} from "./caption_view.js";
import {Tab} from "./tab.js";
import {SearchOptions} from "./search_options.js";
import {ApiError, postForm, jsonEvents, forget} from "./api.js";
import {interventionsOf, interventionsText} from "./state.js";

const FEW = 10;
// The model's own search may be wide; a narrow beam is easier to follow, and is shown as a setting.
const START = {search: "beam", beam_size: "4"};

export class SearchTab extends Tab {
  // Build the tab.
  constructor(place, page) {
    super(place, page, "search");
    this.steps = [];
    this.interventions = [];
    this.groups = 1;
    this.tree = new SearchTree({force: node => this.intervene("force", node), ban: node => this.intervene("ban", node), point: node => this.showAttention(node)});
    this.player = new StepPlayer(() => { this.draw(); page.changed(); });
    this.dropped = make("select", {"aria-label": "Dropped words", title: "Words that were considered at this step and not kept", onchange: () => { this.draw(); page.changed(); }},
      make("option", {value: "few", text: "a few dropped words"}), make("option", {value: "all", text: "all dropped words"}), make("option", {value: "none", text: "kept words alone"}));
    this.pruned = make("input", {type: "checkbox", onchange: () => { this.draw(); page.changed(); }});
    this.chips = make("div", {class: "chips", role: "group", "aria-label": "Words forced and banned"});
    this.legend = make("div", {class: "legend"});
    this.results = make("div", {class: "list-place"});
    this.spoken = make("p", {class: "unseen", "aria-live": "polite"});
    this.settings = new SearchOptions(page.catalog, {isUsable: one => one.steps, withNBest: true, onChange: () => { this.interventions = []; this.player.go(0); page.changed(); this.refresh(); }});
    const look = make("div", {class: "look"}, this.dropped, make("label", {}, this.pruned, " hide pruned"));
    this.player.element.append(look);
    place.append(this.player.element, this.chips, this.message, this.tree.element, this.legend,
      make("h2", {text: "What the search found"}), this.results, this.settings.element, this.spoken);
    new ResizeObserver(() => { if (this.page.tab === "search") this.draw(); }).observe(this.tree.stage);
  }

  // Take the fields of the address.
  restore(fields) {
    const keys = ["search", ...this.page.catalog.options.map(one => one.key)];
    const own = this.page.own("caption")?.search;
    this.settings.setOwn(own);
    this.settings.set(keys.some(key => key in fields) ? fields : {...START, ...fields});
    this.interventions = interventionsOf(fields.do);
    this.dropped.value = ["few", "all", "none"].includes(fields.dropped) ? fields.dropped : "few";
    this.pruned.checked = fields.pruned === "hide";
    this.wanted = fields.step === undefined ? null : Number(fields.step);
    this.result = this.session = null;
  }

  // Return the fields of the address; a method is always among them, as the tab starts with its own.
  fields() {
    const {at, length, open} = this.player;
    return {search: this.settings.search(), ...this.settings.given(), do: interventionsText(this.interventions), step: this.wanted ?? (open || at === length ? "" : at),
      dropped: this.dropped.value === "few" ? "" : this.dropped.value, pruned: this.pruned.checked ? "hide" : ""};
  }

  // Start a new search of the picture.
  async refresh() {
    this.leave();
    this.steps = [];
    this.result = null;
    this.drawResults();
    this.drawChips();
    this.player.extend(0, true);
    this.tree.setPicture(this.page.picture.url(this.page.picture.id));
    await this.run(0);
  }

  // Return the session of the server's search, a new one where there is none.
  async open(options) {
    if (this.session) return this.session;
    const given = this.settings.given(), method = this.settings.search();
    const widest = Number(given.beam_size) || Infinity;
    const fields = {picture: this.page.picture.id, model: this.page.model("caption"), ...(method === "greedy" ? {} : {n_best: Math.min(4, widest)}), ...given, search: method};
    const session = await postForm("/api/search", fields, options);
    this.groups = session.groups || 1;
    this.settings.setUsed(session.settings);
    this.setGrid(session);
    return this.session = session;
  }

  // Run the search with the interventions; the first `keep` steps stay as they are.
  async run(keep) {
    this.request?.abort();
    const request = this.request = new AbortController(), options = {signal: request.signal, onWait: text => this.say(text)};
    this.steps = this.steps.slice(0, keep);
    this.result = null;
    this.drawResults();
    this.say("");
    this.player.extend(this.steps.length, true);
    if (this.wanted === null) this.player.play();
    try {
      await this.receive(await this.open(options), request, options);
    } catch (error) {
      if (request !== this.request || error.name === "AbortError") return;
      if (error instanceof ApiError && error.status === 404 && this.session) { this.session = null; return this.run(keep); }
      this.results.replaceChildren();
      this.say(error.message);
    }
    if (request !== this.request) return;
    this.player.extend(this.steps.length, false);
    if (this.wanted !== null) this.player.go(Math.min(this.wanted, this.steps.length));
    this.wanted = null;
    this.page.changed();
  }

  // Take steps as they arrive; the player shows them one by one.
  async receive(session, request, options) {
    const wanted = this.interventions.map(({time, kind, beam, token}) => ({time, kind, beam, token}));
    for await (const [event, data] of jsonEvents(`/api/search/${session.session}/run`, {interventions: wanted}, options)) {
      if (request !== this.request) return;
      if (event === "step") {
        this.steps[data.time - 1] = data;
        this.player.extend(this.steps.length, true);
        if (this.steps.length === 1 && this.player.at === 0 && this.wanted === null) this.player.go(1);
      } else if (event === "result") {
        this.result = data.captions;
        this.drawResults();
        this.spoken.textContent = `Found: ${data.captions[0]?.text}`;
      }
    }
  }

  // Force or ban the word of a node, and search on from there. Later changes belong to sentences that are gone.
  intervene(kind, node) {
    if (!node.time || this.player.timer && node.time > this.steps.length) return;
    const kept = this.interventions.filter(one => one.time < node.time || (one.time === node.time && (kind === "ban" ? one.kind === "ban" : one.group !== node.group && this.groups > 1)));
    const same = one => one.kind === kind && one.time === node.time && one.beam === node.beam && one.token === node.token;
    this.interventions = [...kept.filter(one => !same(one)), {kind, time: node.time, beam: node.beam, token: node.token, word: node.end ? "end" : node.word, group: node.group}];
    this.restart(node.time);
  }

  // Take back an intervention, and those of later words.
  remove(one) {
    this.interventions = this.interventions.filter(other => other !== one && other.time <= one.time);
    this.restart(one.time);
  }

  // Search again from the word number `time` on.
  restart(time) {
    this.tree.hideTip();
    this.wanted = null;
    this.player.stop();
    this.player.extend(time - 1, true);
    this.player.go(time - 1);
    this.drawChips();
    this.page.changed();
    this.run(time - 1);
  }

  // Draw the step that is shown.
  draw() {
    const few = {few: Math.max(2, Math.ceil(FEW / this.groups)), all: Infinity, none: 0}[this.dropped.value];
    this.tree.draw(this.steps, this.player.at, {few, hidePruned: this.pruned.checked, groups: this.groups,
      pinned: node => this.interventions.some(one => one.kind === "force" && one.time === node.time && one.token === node.token && one.beam === node.beam)});
    this.drawLegend();
  }

  // Draw what the colours and the marks mean.
  drawLegend() {
    const entry = (kind, text, colour) => make("span", {}, dot(kind, colour), text);
    const groups = this.groups > 1 ? Array.from({length: this.groups}, (_, at) => entry("kept", `group ${at + 1}`, groupColour(at, this.groups))) : [entry("kept", "kept", groupColour(0, 1))];
    this.legend.replaceChildren(...groups, entry("end", "finished", "currentColor"), entry("pruned", "pruned later", groupColour(0, 1)), entry("dropped", "dropped", "currentColor"), entry("pinned", "forced", groupColour(0, 1)),
      make("span", {text: "thick line: probable word"}));
  }

  // Draw the words forced and banned.
  drawChips() {
    if (!this.interventions.length) return this.chips.replaceChildren(lead());
    this.chips.replaceChildren(...this.interventions.map(one => make("span", {class: `chip ${one.kind}`}, `word ${one.time}: `, make("b", {text: one.word}), one.kind === "force" ? " forced" : " banned",
      make("button", {text: "✕", "aria-label": `Take back: ${one.word} ${one.kind === "force" ? "forced" : "banned"} at word ${one.time}`, title: "Take this and later changes back", onclick: () => this.remove(one)}))));
  }

  // Draw the captions that were found; pointing at one shows its path.
  drawResults() {
    if (!this.result) return this.results.replaceChildren(make("p", {class: "hint waiting", text: "searching …"}));
    const path = caption => caption && {depth: 1, path: caption.words, kept: true};
    this.results.replaceChildren(captionList(this.result, -1, one => groupColour(one.group, this.groups), () => this.player.go(this.player.length), caption => this.tree.markPath(path(caption))));
  }

  // Lay the attention of a node's word over the picture, where a caption that was found has it.
  showAttention(node) {
    const found = node?.path.length && this.result?.find(one => one.attention && node.path.every((word, at) => one.words[at] === word));
    this.attention.show(found ? found.attention[node.path.length - 1] : null);
  }

  // Handle a key that nothing else wants.
  key(event) { this.player.key(event); }

  // The tab comes to the front.
  shown() {
    if (!this.session || this.session.picture !== this.page.picture.id) return this.refresh();
    this.setGrid(this.session);
    this.draw();
  }

  // The tab goes to the back.
  hidden() { this.player.stop(); this.attention.show(null); }

  // Give the server's search up.
  leave() {
    this.request?.abort();
    this.player.stop();
    if (this.session) forget(`/api/search/${this.session.session}`);
    this.session = null;
  }

  // Return what a saved page shows.
  saved() {
    if (!this.steps.length) return null;
    const {grid, view_box, picture, settings} = this.session || {};
    return {title: this.result?.[0]?.text || "A search", view: "search", picture, data: {steps: this.steps, groups: this.groups, captions: this.result || [], interventions: this.interventions, grid, view_box, settings}};
  }
}

// Return what is written where nothing is forced or banned.
function lead() {
  return make("p", {class: "hint lead"},
    make("span", {class: "for-pointer"}, make("b", {text: "Click a word"}), " to force it there and search on; ", make("b", {text: "alt-click"}), " to ban it. ",
      make("span", {class: "keys", text: "Arrow keys step back and forth."})),
    make("span", {class: "for-fingers"}, make("b", {text: "Tap a word"}), " to force it there and search on, or to ban it."));
}
