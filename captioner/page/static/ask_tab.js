// The Ask tab: a question about the picture, with choices where the model chooses.
import {make} from "./dom.js";
import {answersView} from "./answers_view.js";
import {Tab} from "./tab.js";
import {postForm} from "./api.js";

const CHOICES = 4, TOP = 6, SUGGESTED = 4;

export class AskTab extends Tab {
  // Build the tab.
  constructor(place, page) {
    super(place, page, "ask");
    if (!page.catalog.default.ask) { place.append(emptyState()); this.empty = true; return; }
    this.question = make("input", {type: "text", id: "question", maxlength: 300, placeholder: "What is in the picture?", autocomplete: "off"});
    this.choices = Array.from({length: CHOICES}, (_, at) => make("input", {type: "text", maxlength: 100, "aria-label": `Choice ${at + 1}`, placeholder: `choice ${at + 1}`, autocomplete: "off"}));
    this.choiceRow = make("div", {class: "choice-row"}, ...this.choices);
    this.boxes = make("p", {class: "hint", text: "Choices are parts of the picture: left,top,width,height in pixels.", hidden: true});
    this.suggestions = make("div", {class: "suggestions"});
    this.answers = make("div", {class: "answers-place", "aria-live": "polite"});
    const form = make("form", {class: "question", onsubmit: event => { event.preventDefault(); this.refresh(); }},
      make("label", {for: "question", text: "A question about the picture"}), make("div", {class: "question-row"}, this.question, make("button", {type: "submit", class: "main", text: "Ask"})), this.choiceRow, this.boxes);
    place.append(form, this.suggestions, this.message, this.answers);
  }

  // Take the fields of the address.
  restore(fields) {
    if (this.empty) return;
    this.question.value = fields.question || "";
    const choices = (fields.choices || "").split("|");
    this.choices.forEach((input, at) => { input.value = choices[at] || ""; });
    this.result = null;
    this.arrange();
  }

  // Show choices for models that choose, and questions that fit the picture.
  arrange() {
    const task = this.page.modelEntry("ask")?.task, example = this.page.catalog.examples.find(one => one.id === this.page.picture.id);
    this.choiceRow.hidden = task === "vqa";
    this.boxes.hidden = task !== "visual7w_pointing";
    const questions = (example?.questions || []).slice(0, SUGGESTED);
    this.suggestions.replaceChildren(...questions.map(text => make("button", {class: "suggestion", text, onclick: () => { this.question.value = text; this.refresh(); }})));
  }

  // Return the fields of the address.
  fields() {
    if (this.empty) return {};
    return {question: this.question.value.trim(), choices: this.given().join("|")};
  }

  // Return the choices that were written, where the model takes any.
  given() { return this.choiceRow.hidden ? [] : this.choices.map(input => input.value.trim()).filter(Boolean); }

  // Ask the question.
  async refresh() {
    if (this.empty) return;
    this.arrange();
    this.attention.show(null);
    const question = this.question.value.trim(), picture = this.page.picture.id;
    this.page.changed();
    if (!question) { this.result = null; this.answers.replaceChildren(); return; }
    const fields = {picture, model: this.page.model("ask"), question, choice: this.given(), top: TOP};
    this.result = await this.newest(options => postForm("/api/ask", fields, options));
    if (this.result) this.show();
    else this.answers.replaceChildren();
  }

  // Show the answers.
  show() {
    this.setGrid(this.result);
    this.answers.replaceChildren(answersView(this.result, weights => this.attention.show(weights)));
  }

  // The tab comes to the front.
  shown() {
    if (this.empty) return;
    if (!this.result || this.result.picture !== this.page.picture.id) return this.refresh();
    this.arrange();
    this.setGrid(this.result);
  }

  // The tab goes to the back.
  hidden() { this.attention.show(null); }

  // Return what a saved page shows.
  saved() {
    if (!this.result) return null;
    return {title: this.result.question, view: "ask", picture: this.result.picture, data: this.result};
  }
}

// Return what is shown where no model answers questions.
function emptyState() {
  return make("div", {class: "empty"}, make("h2", {text: "No model here answers questions yet"}),
    make("p", {text: "Train one on VQA or on Visual7W; it appears here when this page is loaded again."}),
    make("pre", {}, make("code", {text: "python scripts/train.py --task vqa\npython scripts/train.py --task visual7w"})));
}
