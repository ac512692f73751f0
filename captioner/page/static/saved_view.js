// What a saved page shows: one view of the live page, without a server.
// A saved page needs, in this order: dom, attention_view, caption_view, tree_layout, search_tree, step_player, answers_view, text_view, saved_view.
import {make, groupColour} from "./dom.js";
import {AttentionView} from "./attention_view.js";
import {CaptionView, captionList, confidenceBar} from "./caption_view.js";
import {SearchTree} from "./search_tree.js";
import {StepPlayer} from "./step_player.js";
import {answersView} from "./answers_view.js";
import {ColouredText, characterView, textLegend, UnitGrid, unpackValues} from "./text_view.js";

// Show a saved view in `root`: `view` is its name, `picture` the address of the picture or null.
export async function show(root, view, data, picture) {
  root.classList.add("saved");
  root.dataset.tab = view;
  const panel = make("section", {class: `panel ${view}-tab`});
  let attention = null;
  if (picture) {
    const place = make("section", {class: "picture", "aria-label": "The picture"});
    root.append(place);
    attention = new AttentionView(place);
    await attention.setPicture(picture, "The picture");
    attention.setGrid(data.grid, data.view_box);
  }
  root.append(panel);
  ({caption: showCaption, search: showSearch, ask: showAnswers, text: showText})[view](panel, data, weights => attention?.show(weights), picture);
}

// Show captions with their attention.
function showCaption(panel, data, attend) {
  const view = new CaptionView(attend), sure = make("div", {class: "under-caption"}), list = make("div", {class: "list-place"});
  const groups = 1 + Math.max(...data.captions.map(one => one.group));
  const choose = at => {
    view.set(data.captions[at]);
    sure.replaceChildren(confidenceBar(data.captions[at].confidence, data.unsure && at === 0));
    list.replaceChildren(captionList(data.captions, at, one => groups > 1 ? groupColour(one.group, groups) : null, choose));
  };
  choose(data.chosen || 0);
  panel.append(view.element, sure, make("h2", {text: "The best captions"}), list, settingsLine(data.settings));
}

// Show a search that can be played.
function showSearch(panel, data, attend, picture) {
  const mapOf = node => node && data.captions.find(one => one.attention && node.path.every((word, at) => one.words[at] === word))?.attention[node.path.length - 1];
  const tree = new SearchTree({point: node => attend(mapOf(node) || null)});
  const forced = node => (data.interventions || []).some(one => one.kind === "force" && one.time === node.time && one.token === node.token && one.beam === node.beam);
  const player = new StepPlayer(at => tree.draw(data.steps, at, {few: 8, groups: data.groups, pinned: forced}));
  const list = captionList(data.captions, -1, one => groupColour(one.group, data.groups), () => player.go(player.length), one => tree.markPath(one && {depth: 1, path: one.words}));
  panel.append(player.element, tree.element, make("h2", {text: "What the search found"}), list, settingsLine(data.settings));
  if (picture) tree.setPicture(picture);
  player.extend(data.steps.length, false);
  player.go(data.steps.length);
  addEventListener("keydown", event => { if (!event.target.matches?.("input, select, button")) player.key(event); });
  addEventListener("resize", () => player.go(player.at));
}

// Show answers to a question.
function showAnswers(panel, data, attend) {
  panel.append(make("p", {class: "caption asked", text: data.question}), answersView(data, attend));
}

// Show a text and its colours.
function showText(panel, data) {
  const text = new ColouredText(), character = make("div"), legend = make("div", {class: "text-bar"});
  const values = unpackValues(data.values), reading = {...data, values};
  let unit = data.unit, pointed = data.places.length - 1;
  const draw = () => {
    const place = data.places[pointed];
    text.colour(reading, unit);
    text.mark(pointed);
    legend.replaceChildren(unit === null ? "coloured by surprise" : `coloured by unit ${data.layer}.${unit}`, textLegend(unit));
    if (!place) return;
    character.replaceChildren(characterView(Array.from(data.text)[pointed], place, data.guesses[place.last] || []));
    units.draw(values, data.width, place.last, unit);
  };
  const units = new UnitGrid(number => { unit = number; draw(); });
  text.set(data.text);
  text.element.addEventListener("pointermove", event => {
    const at = text.at(event.clientX, event.clientY);
    if (at !== null && at !== pointed) { pointed = at; draw(); }
  });
  panel.append(make("div", {class: "text-grid"}, make("div", {class: "text-main"}, legend, make("div", {class: "editor"}, make("div", {class: "pad"}, text.element))), make("aside", {class: "detail"}, character, units.element)));
  draw();
}

// Return the settings as a line of small print.
function settingsLine(settings) {
  const known = Object.entries(settings || {}).filter(([, value]) => value !== null && !(Array.isArray(value) && !value.length));
  return make("p", {class: "hint settings-line", text: known.map(([name, value]) => `${name} ${value}`).join(" · ")});
}
