// The settings of a search, made from what the server lists: the method, its options, the constraints.
import {make} from "./dom.js";

const NAMES = {beam: "Beam search", beam_mbr: "Beam search, minimum Bayes risk", diverse: "Diverse beam search", exact: "Exact search",
  greedy: "Greedy search", mbr: "Minimum Bayes risk of samples", sample: "Sampling"};
const LABELS = {beam_size: "Beam size", n_best: "Sentences", groups: "Groups", diversity: "Diversity", length_rule: "Length rule", alpha: "Alpha",
  utility: "Utility", max_steps: "Steps at most", max_open: "Open at most", temperature: "Temperature", top_k: "Top k", top_p: "Top p", min_p: "Min p",
  seed: "Seed", samples: "Samples", replacement: "With replacement", max_length: "Longest", min_length: "Shortest", prefix: "Starts with",
  required_words: "Must contain", banned_words: "Must not contain", allow_unknown: "Allow <unk>", allow_repeat: "Allow a word twice in a row",
  no_repeat_ngram: "No n-gram twice", bad_endings: "Must not end with", attention: "Attention", attention_seed: "Attention seed"};
const ABOUT = {beam: "Keeps the best partial sentences at every word. A beam of 1 is greedy.", beam_mbr: "Of the sentences that a beam finds, the one that agrees most with the others.",
  diverse: "A beam in groups; each is penalised for words of the groups before it.", exact: "The most probable sentence of all, by branch and bound, and whether that is proven.",
  greedy: "The most probable word at every step.", mbr: "Draws many sentences; the one that agrees most with the others.", sample: "Draws sentences at random, as probable as the model makes them."};
// The server's help of these is that of a flag which says the opposite.
const HELP = {replacement: "the same sentence may be drawn twice", allow_unknown: "for a word that the model does not know",
  allow_repeat: "as in “a a dog”", attention_seed: "another draw where attention is sampled", n_best: "how many to show"};

export class SearchOptions {
  // Build the form. `isUsable(search)` tells which methods are offered; `onChange` is called after a change.
  constructor(catalog, {isUsable, withNBest, word = "word", leaveOut = [], title = "Settings", onChange}) {
    Object.assign(this, {catalog, word, onChange});
    this.searches = catalog.searches.filter(isUsable);
    this.options = catalog.options.filter(option => !leaveOut.includes(option.key) && (word === "word" || option.text !== false));
    if (withNBest) this.options = [{key: "n_best", help: "", type: "int", searches: this.searches.map(one => one.name).filter(name => name !== "greedy"), shared: false, default: {}}, ...this.options];
    this.values = {};
    this.own = {};
    this.method = make("select", {"aria-label": "Method of search", onchange: () => this.choose(this.method.value)});
    this.about = make("p", {class: "hint"});
    this.single = make("div", {class: "fields"});
    this.shared = make("div", {class: "fields"});
    this.summary = make("span", {class: "chosen"});
    this.reset = make("button", {class: "quiet", text: "Reset", title: "Back to the model's own settings", onclick: () => { this.values = {}; this.draw(); this.changed(); }});
    this.element = make("details", {class: "settings"},
      make("summary", {}, make("span", {text: title}), this.summary),
      make("form", {autocomplete: "off", onsubmit: event => event.preventDefault()},
        make("fieldset", {}, make("legend", {text: "How to search"}), this.method, this.about, this.single),
        make("fieldset", {}, make("legend", {text: "Constraints"}), this.shared), this.reset));
  }

  // Take the settings that the model comes with, as placeholders.
  setOwn(own) { this.own = own || {}; this.draw(); }

  // Take settings that were used, which fill the empty fields' placeholders.
  setUsed(used) { this.used = used; this.placeholders(); }

  // Take fields of the address.
  set(fields) {
    const keys = ["search", ...this.options.map(option => option.key)];
    this.values = Object.fromEntries(Object.entries(fields).filter(([key]) => keys.includes(key)));
    this.draw();
  }

  // Return the fields that were given, for a request and for the address.
  given() {
    const shown = new Set(this.visible().map(option => option.key));
    return Object.fromEntries(Object.entries(this.values).filter(([key, value]) => value !== "" && (key === "search" || shown.has(key))));
  }

  // Return the method in use.
  search() { return this.values.search || this.own.search || this.searches[0]?.name; }

  // Return the options of the method in use.
  visible() { return this.options.filter(option => option.shared || option.searches.includes(this.search())); }

  // Use another method.
  choose(name) { this.values.search = name === this.own.search ? "" : name; this.draw(); this.changed(); }

  // Tell of a change, once the reader pauses.
  changed() {
    this.used = null;
    this.writeSummary();
    this.placeholders();
    clearTimeout(this.timer);
    this.timer = setTimeout(this.onChange, 450);
  }

  // Make the fields of the method in use.
  draw() {
    this.method.replaceChildren(...this.searches.map(one => make("option", {value: one.name, text: (NAMES[one.name] || one.name) + (one.name === this.own.search ? "  (the model's own)" : "")})));
    this.method.value = this.search();
    this.about.textContent = this.named(ABOUT[this.search()] || this.searches.find(one => one.name === this.search())?.about || "");
    const visible = this.visible();
    this.single.replaceChildren(...visible.filter(one => !one.shared).map(one => this.field(one)));
    this.shared.replaceChildren(...visible.filter(one => one.shared).map(one => this.field(one)));
    this.placeholders();
    this.writeSummary();
  }

  // Return the label and the control of an option.
  field(option) {
    const value = this.values[option.key] ?? "", set = control => { this.values[option.key] = control.value.trim(); this.changed(); };
    let control;
    if (option.type === "bool" || option.type === "choice") {
      const choices = option.type === "bool" ? [["true", "yes"], ["false", "no"]] : (option.choices || []).map(one => [one, one]);
      control = make("select", {onchange: () => set(control)}, make("option", {value: "", text: "as the model has it"}), ...choices.map(([key, text]) => make("option", {value: key, text})));
    } else if (option.type === "words") control = make("input", {type: "text", spellcheck: "false", oninput: () => set(control)});
    else control = make("input", {type: "number", min: 0, step: option.type === "int" ? 1 : "any", inputmode: "decimal", oninput: () => set(control)});
    control.value = value;
    control.name = option.key;
    return make("label", {class: `field ${option.type}`}, make("span", {class: "name", text: this.named(LABELS[option.key] || option.key.replaceAll("_", " "))}), control,
      make("small", {text: this.named(this.help(option))}));
  }

  // Return the help of an option for the method in use: it may list several, "beam: ...; sample: ...".
  help(option) {
    if (HELP[option.key]) return HELP[option.key];
    const parts = option.help.split("; ").map(part => /^([a-z_, ]+): (.*)$/.exec(part));
    const listed = parts.every((part, at) => part || at) && parts[0];
    const mine = parts.find(part => part && part[1].split(", ").includes(this.search()));
    const text = listed && mine ? option.help.slice(option.help.indexOf(mine[0]) + mine[1].length + 2).split(/; [a-z_, ]+: /)[0] : option.help;
    return text;
  }

  // Return a sentence with what a token is called here: word, or character.
  named(text) { return text.replaceAll("`", "").replace(/\bword(s?)\b/gi, `${this.word}$1`).replace(/\bsentence/g, this.word === "word" ? "sentence" : "text"); }

  // Write what an empty field stands for.
  placeholders() {
    for (const option of this.visible()) {
      const control = this.element.querySelector(`[name="${option.key}"]`);
      if (!control) continue;
      const value = this.used?.[option.key] ?? (option.key === "n_best" ? this.nBest : undefined) ?? this.own[option.key] ?? option.default?.[this.search()];
      const text = Array.isArray(value) ? value.join(" ") : value === null || value === undefined ? "" : String(value);
      if (control.tagName === "SELECT") control.options[0].textContent = {true: "yes", false: "no", "": "default"}[text] || text;
      else control.placeholder = text || (option.type === "words" ? "words" : "none");
    }
  }

  // Say in the closed panel what was chosen.
  writeSummary() {
    const given = this.given(), names = Object.entries(given).filter(([key]) => key !== "search").map(([key, value]) => `${(LABELS[key] || key).toLowerCase()} ${value}`);
    this.summary.textContent = [NAMES[this.search()] || this.search(), ...names].join(" · ");
    this.reset.hidden = !Object.keys(given).length;
  }
}
