// Answers to a question with their probabilities, and the attention behind them.
import {make, bar, percent, arrowKeys} from "./dom.js";

// Return the answers with bars and the maps to point at; `onPoint(weights or null)` is called by pointing.
export function answersView(result, onPoint) {
  const answers = make("ol", {class: "answers"}, ...result.answers.map(({text, probability}) =>
    make("li", {}, make("span", {class: "answer", text}), bar(probability), make("span", {class: "share", text: percent(probability)}))));
  const view = make("div", {class: "answers-view"});
  if (result.note) view.append(make("p", {class: "note", text: result.note}));
  view.append(answers);
  if (result.attention?.length) view.append(mapButtons(result.attention, onPoint));
  return view;
}

// Return the row of attention maps.
function mapButtons(maps, onPoint) {
  const row = make("div", {class: "maps", role: "group", "aria-label": "Attention"});
  let pinned = null;
  maps.forEach(({title, weights}, at) => {
    const button = make("button", {class: "word", text: title, tabindex: at ? -1 : 0, "aria-pressed": "false",
      onmouseenter: () => onPoint(weights), onfocus: () => onPoint(weights), onmouseleave: () => onPoint(pinned), onblur: () => onPoint(pinned),
      onclick: () => {
        pinned = pinned === weights ? null : weights;
        for (const one of row.children) one.setAttribute("aria-pressed", String(one === button && pinned !== null));
        onPoint(weights);
      }});
    row.append(button);
  });
  arrowKeys(row, "button");
  return make("div", {}, make("p", {class: "hint", text: "Point to see where the model looks:"}), row);
}
