// A caption as words that can be pointed at, with what is known of each; and how sure the model is.
import {make, bar, dot, percent, signed, arrowKeys} from "./dom.js";

export class CaptionView {
  // Build the view; `onPoint(attention or null)` is called when a word is pointed at or left, `onPin` when one is kept.
  constructor(onPoint, onPin = () => {}) {
    this.onPoint = onPoint;
    this.onPin = onPin;
    this.words = make("p", {class: "caption", role: "group", "aria-label": "The caption, word by word"});
    this.about = make("p", {class: "about-word"});
    this.element = make("div", {class: "caption-view"}, this.words, this.about);
    this.caption = null;
    this.pinned = null;
    this.words.addEventListener("mouseleave", () => this.point(this.pinned));
    this.words.addEventListener("focusout", event => { if (!this.words.contains(event.relatedTarget)) this.point(this.pinned); });
    arrowKeys(this.words, ".word:not(.coming)");
  }

  // Show a caption, all of its words or the first `count`.
  set(caption, count = Infinity) {
    this.caption = caption;
    this.pinned = null;
    const end = caption.word_log_probs[caption.words.length];
    this.words.replaceChildren(...caption.words.flatMap((word, at) => [this.wordButton(word, at), " "]));
    if (!caption.finished) this.words.append(make("span", {class: "cut", text: "…", title: "cut at the maximal length"}));
    this.end = end;
    this.reveal(count);
    this.point(null);
  }

  // Return the button of a word; the line under it is as strong as the word is probable.
  wordButton(word, at) {
    const probability = Math.exp(this.caption.word_log_probs[at]);
    const button = make("button", {class: "word", text: word, tabindex: at ? -1 : 0, "aria-label": `${word}, ${percent(probability)}`,
      onmouseenter: () => this.point(at), onfocus: () => this.point(at), onclick: () => this.pin(at)});
    button.style.setProperty("--p", probability.toFixed(3));
    return button;
  }

  // Show the first `count` words; the others keep their room, so that nothing jumps.
  reveal(count) {
    this.words.querySelectorAll(".word").forEach((word, at) => word.classList.toggle("coming", at >= count));
  }

  // Keep a word's attention until another is pointed at; a second time lets go.
  pin(at) {
    this.pinned = this.pinned === at ? null : at;
    this.point(at);
    this.onPin();
  }

  // Lay the attention of word `at` over the picture; null takes it away.
  point(at) {
    const caption = this.caption;
    if (!caption) return;
    this.words.querySelectorAll(".word").forEach((word, place) => word.classList.toggle("pointed", place === at));
    this.about.replaceChildren(...(at === null ? this.wholeLine() : this.wordLine(at)));
    this.onPoint(at === null || !caption.attention ? null : caption.attention[at], at);
  }

  // Return what is written under the caption while a word is pointed at.
  wordLine(at) {
    const probability = Math.exp(this.caption.word_log_probs[at]);
    return [make("b", {text: percent(probability)}), ` probability of “${this.caption.words[at]}”`];
  }

  // Return what is written under the caption otherwise.
  wholeLine() {
    const end = this.end === undefined ? "" : `, its end ${percent(Math.exp(this.end))}`;
    return [`log-probability ${signed(this.caption.log_prob)}${end}`];
  }
}

// Return how sure the model is of a caption: words and a bar. Nothing where it has no calibration.
export function confidenceBar(confidence, unsure) {
  if (confidence === null || confidence === undefined) return make("div", {class: "sure none"});
  return make("div", {class: unsure ? "sure unsure" : "sure",
    title: "Estimated on photographs that the model never saw: the probability that this is a good caption"},
    bar(confidence),
    make("span", {text: `${Math.round(100 * confidence)} % sure`}),
    unsure ? make("em", {text: "better look yourself"}) : null);
}

// Return a list of captions to choose from; `onChoose(index)` is called with the one that is clicked.
export function captionList(captions, chosen, colourOf, onChoose, onPoint = () => {}) {
  const sum = {none: "log-probability of the sentence", score: "what this search ranks by"};
  return make("ol", {class: "captions"}, ...captions.map((caption, at) => {
    const differs = Math.abs(caption.score - caption.log_prob) > 5e-3, colour = colourOf(caption);
    return make("li", {}, make("button", {"aria-pressed": String(at === chosen), onclick: () => onChoose(at),
      onmouseenter: () => onPoint(caption), onmouseleave: () => onPoint(null), onfocus: () => onPoint(caption), onblur: () => onPoint(null)},
      colour && dot("dot", colour), make("span", {class: "sentence", text: caption.text + (caption.finished ? "" : " …")}),
      make("span", {class: "figures"},
        make("span", {title: sum.none, text: `log p ${signed(caption.log_prob)}`}),
        differs ? make("span", {title: sum.score, text: `score ${signed(caption.score)}`}) : null,
        caption.proven === true ? make("span", {title: "no sentence has a higher score", text: "proven best"}) : null)));
  }));
}
