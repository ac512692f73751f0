// The Text tab: one types, every character gets its colour; the model writes on.
import {make} from "./dom.js";
import {ColouredText, alignSymbols, unpackValues, characterView, textLegend, UnitGrid} from "./text_view.js";
import {Tab} from "./tab.js";
import {SearchOptions} from "./search_options.js";
import {ApiError, postForm, formEvents} from "./api.js";

const OPENING = "The ", LENGTH = 240, READ_AFTER = 160;     // characters to write; milliseconds after a key

export class TextTab extends Tab {
  // Build the tab.
  constructor(place, page) {
    super(place, page, "text");
    if (!page.catalog.default.text) { place.append(emptyState()); this.empty = true; return; }
    this.limit = page.catalog.limits.text;
    this.text = new ColouredText();
    this.area = make("textarea", {"aria-label": "The text", spellcheck: "false", autocapitalize: "off", autocomplete: "off", maxlength: this.limit, oninput: () => { this.stop(); this.typed(); }});
    const pad = make("div", {class: "pad"}, this.text.element, this.area);
    this.editor = make("div", {class: "editor"}, pad);
    this.by = make("select", {"aria-label": "Colour by", onchange: () => this.recolour()}, make("option", {value: "surprise", text: "surprise"}), make("option", {value: "unit", text: "a unit"}));
    this.layer = make("select", {"aria-label": "Layer", onchange: () => { this.by.value = "unit"; this.read(); page.changed(); }});
    this.number = make("input", {type: "number", min: 0, value: 0, "aria-label": "Number of the unit", oninput: () => { this.by.value = "unit"; this.recolour(); }});
    this.legend = make("span", {class: "legend-place"});
    this.bits = make("span", {class: "hint"});
    this.go = make("button", {class: "main", text: "Continue writing", title: "Let the model write on from the end of the text", onclick: () => this.writing ? this.stop() : this.write()});
    this.clamp = make("input", {type: "checkbox", onchange: () => page.changed()});
    this.held = make("input", {type: "range", min: -1, max: 1, step: .05, value: 1, "aria-label": "Value at which the unit is held", oninput: () => { this.clamp.checked = true; this.nameUnit(); page.changed(); }});
    this.clampName = make("span");
    this.units = new UnitGrid(number => { this.by.value = "unit"; this.number.value = number; this.recolour(); });
    this.character = make("div");
    this.unitHint = make("p", {class: "hint"});
    this.detail = make("aside", {class: "detail", "aria-label": "The character that is pointed at", hidden: true}, this.character, this.unitHint, this.units.element);
    this.settings = new SearchOptions(page.catalog, {isUsable: one => one.text, withNBest: false, word: "character", leaveOut: ["prefix", "attention", "attention_seed"], title: "How to write", onChange: () => page.changed()});
    const bar = make("div", {class: "text-bar"}, make("label", {}, "Colour by ", this.by), make("span", {class: "unit-picker"}, make("label", {}, "layer ", this.layer), make("label", {}, "unit ", this.number)), this.legend);
    const below = make("div", {class: "text-bar"}, this.go, make("label", {class: "clamp", title: "Hold the memory of the chosen unit at a value while the model writes"}, this.clamp, this.clampName), this.held, this.bits);
    place.append(make("div", {class: "text-grid"}, make("div", {class: "text-main"}, bar, this.editor, this.message, below, this.settings.element), this.detail));
    this.area.addEventListener("pointermove", event => this.point(this.text.at(event.clientX, event.clientY)));
    this.area.addEventListener("pointerleave", () => this.point(this.caret()));
    document.addEventListener("selectionchange", () => { if (document.activeElement === this.area) this.point(this.caret()); });
  }

  // Return the number of the character before the caret.
  caret() { return Math.max(0, Array.from(this.area.value.slice(0, this.area.selectionStart)).length - 1); }

  // Return the unit that colours the text; null for the surprise.
  unit() { return this.by.value === "unit" ? Math.max(0, Math.min((this.reading?.width || 1) - 1, Number(this.number.value) || 0)) : null; }

  // Take the fields of the address.
  restore(fields) {
    if (this.empty) return;
    const own = this.page.own("text"), layers = own?.layers || [];
    this.settings.setOwn(own?.search);
    this.settings.set(fields);
    this.layer.replaceChildren(...layers.map((_, at) => make("option", {value: at + 1, text: at + 1})));
    const [layer, number] = (fields.unit || "").split(".").map(Number);
    this.layer.value = layer >= 1 && layer <= layers.length ? layer : layers.length || 1;
    this.number.max = (layers[this.layer.value - 1] || 1) - 1;
    this.number.value = number || 0;
    this.by.value = fields.by === "unit" ? "unit" : "surprise";
    this.clamp.checked = fields.hold !== undefined;
    this.held.value = fields.hold ?? 1;
    this.area.value = fields.text ?? OPENING;
    this.opening = fields.text === undefined;
    this.reading = null;
    this.nameUnit();
  }

  // Return the fields of the address.
  fields() {
    if (this.empty) return {};
    return {...this.settings.given(), by: this.by.value === "unit" ? "unit" : "", unit: this.by.value === "unit" || this.clamp.checked ? `${this.layer.value}.${this.number.value}` : "",
      hold: this.clamp.checked ? this.held.value : "", text: this.area.value};
  }

  // The tab comes to the front: read the text, or write a first one.
  async shown() {
    if (this.empty || this.reading) return;
    this.showText();
    await this.read();
    if (this.opening) { this.opening = false; this.write(); }
  }

  // The tab goes to the back.
  hidden() { if (!this.empty) this.stop(); }

  // Nothing depends on the picture.
  refresh() { return this.shown(); }

  // Show the text; what was coloured stays so until the model has read it again.
  showText() { this.text.set(this.area.value); }

  // Return the reading with the characters that are still as they were when it was made.
  valid() {
    const before = Array.from(this.reading.text), now = Array.from(this.area.value);
    let same = 0;
    while (same < before.length && before[same] === now[same]) same++;
    return {...this.reading, places: this.reading.places.slice(0, same)};
  }

  // The reader typed.
  typed() {
    this.showText();
    this.page.changed();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.read(), READ_AFTER);
  }

  // Ask the model what it makes of the text.
  async read() {
    const text = this.area.value;
    if (!text) { this.reading = null; this.bits.textContent = ""; this.detail.hidden = true; return; }
    const fields = {model: this.page.model("text"), text, layer: this.layer.value};
    const found = await this.newest(options => postForm("/api/read", fields, options));
    if (!found) return;
    this.reading = {text, places: alignSymbols(text, found.symbols, found.nats), guesses: found.guesses, packed: found.values,
      values: unpackValues(found.values), width: found.layers[found.layer - 1], layer: found.layer};
    this.number.max = this.reading.width - 1;
    this.recolour(false);
    this.sumUp();
    if (!this.writing) this.point(this.caret());
  }

  // Write how surprising the text is on average.
  sumUp() {
    const told = this.reading.places.filter(place => place.nats !== null), sum = told.reduce((total, place) => total + place.nats, 0);
    this.bits.textContent = told.length ? `${(sum / told.length / Math.LN2).toFixed(2)} bits a character` : "";
  }

  // Colour the text anew.
  recolour(tell = true) {
    this.nameUnit();
    this.legend.replaceChildren(textLegend(this.unit()));
    if (this.reading) { this.text.colour(this.valid(), this.unit()); this.point(this.at ?? this.caret()); }
    if (tell) this.page.changed();
  }

  // Write which unit can be held.
  nameUnit() { this.clampName.textContent = ` hold unit ${this.layer.value}.${this.number.value} at ${Number(this.held.value).toFixed(2).replace("-", "−")}`; }

  // Show what is known of the character `at`.
  point(at) {
    const place = this.reading && at !== null ? this.valid().places[at] : null;
    this.at = place ? at : null;
    this.text.mark(this.at);
    if (!place) return;
    const {values, width, guesses, layer} = this.reading;
    this.detail.hidden = false;
    this.character.replaceChildren(characterView(Array.from(this.area.value)[at], place, guesses[place.last] || []));
    this.unitHint.textContent = `the ${width} units of layer ${layer} after it: click one`;
    this.units.draw(values, width, place.last, this.unit());
  }

  // Let the model write on.
  async write() {
    const prompt = this.area.value, room = this.limit - Array.from(prompt).length;
    if (room < 1) return this.say(`The text has reached its limit of ${this.limit} characters.`);
    const given = this.settings.given(), method = this.settings.search();
    const fields = {max_length: Math.min(LENGTH, room), ...given, model: this.page.model("text"), prompt};
    if (this.clamp.checked) fields.clamp = [`${this.layer.value}.${this.number.value}=${this.held.value}`];
    const writing = this.writing = new AbortController(), options = {signal: writing.signal, onWait: text => this.say(text)};
    this.say("");
    this.go.textContent = "Stop";
    try {
      if (method === "greedy" || method === "sample") {
        let heard = "";
        for await (const [event, data] of formEvents("/api/sample", fields, options)) {
          if (writing !== this.writing) return;
          if (event === "text") this.setText(joined(prompt, heard += data.text));
          else if (event === "result" && data.texts?.length) this.setText(data.texts[0].text);
        }
      } else this.setText((await postForm("/api/sample", fields, options)).texts[0].text);
    } catch (error) {
      if (error.name === "AbortError" || writing !== this.writing) return;
      this.say(error instanceof ApiError ? error.message : "The text cannot be shown.");
    }
    if (writing === this.writing) this.stop();
  }

  // Set the text while the model writes.
  setText(text) {
    this.area.value = Array.from(text).slice(0, this.limit).join("");
    this.showText();
    this.area.scrollTop = this.area.scrollHeight;
    this.editor.scrollTop = this.editor.scrollHeight;
  }

  // Stop writing, and read what was written.
  stop() {
    if (!this.writing) return;
    this.writing.abort();
    this.writing = null;
    this.go.textContent = "Continue writing";
    this.area.setSelectionRange(this.area.value.length, this.area.value.length);
    this.page.changed();
    this.read();
  }

  // Return what a saved page shows.
  saved() {
    if (!this.reading) return null;
    const {text, places, guesses, width, layer} = this.reading;
    return {title: Array.from(text).slice(0, 60).join(""), view: "text", picture: null, data: {text, places, guesses, values: this.reading.packed, width, layer, unit: this.unit()}};
  }
}

// Return a prompt and what was written after it; what comes may begin with the prompt.
function joined(prompt, heard) {
  return prompt.startsWith(heard) ? prompt : heard.startsWith(prompt) ? heard : prompt + heard;
}

// Return what is shown where no model writes text.
function emptyState() {
  return make("div", {class: "empty"}, make("h2", {text: "No model here writes text yet"}),
    make("p", {text: "Train a character language model; it appears here when this page is loaded again."}),
    make("pre", {}, make("code", {text: "python scripts/train.py --task char-lm"})));
}
