// The page: tabs, the picture they share, the address, and saving.
import {make, arrowKeys} from "./dom.js";
import {getJson} from "./api.js";
import {readAddress, writeAddress, onAddress} from "./state.js";
import {PictureInput} from "./picture_input.js";
import {CaptionTab} from "./caption_tab.js";
import {SearchTab} from "./search_tab.js";
import {AskTab} from "./ask_tab.js";
import {TextTab} from "./text_tab.js";
import {save} from "./save.js";

const TABS = {caption: CaptionTab, search: SearchTab, ask: AskTab, text: TextTab};
const WRITING = "input:not([type=range], [type=checkbox]), textarea, select, [contenteditable]";
const element = id => document.getElementById(id);

class Page {
  // Start with what the server lists.
  constructor(catalog) {
    this.catalog = catalog;
    this.models = {};           // the chosen model of each kind of tab
    this.loaded = {};           // details of models, by id
    this.views = {};
    this.stored = {};           // fields of tabs that are not shown
    this.picture = new PictureInput(element("picture"), catalog, {onPicture: id => this.choosePicture(id), onMessage: text => this.say(text)});
  }

  // Return the kind of models of a tab.
  kind(tab) { return tab === "search" ? "caption" : tab; }

  // Return the model of a tab, or null.
  model(tab) { return this.models[this.kind(tab)] || this.catalog.default[this.kind(tab)]; }

  // Return what the server lists of a tab's model.
  modelEntry(tab) { return this.catalog.models.find(one => one.id === this.model(tab)); }

  // Return the details of a tab's model, once they were asked for.
  own(tab) { return this.loaded[this.model(tab)]; }

  // Ask for the details of a tab's model: its settings and layers.
  async load(tab) {
    const id = this.model(tab);
    if (id && !this.loaded[id]) this.loaded[id] = await getJson(`/api/models/${encodeURIComponent(id)}`, {onWait: text => this.say(text)});
  }

  // Show what an address says.
  async open(fields) {
    const tab = fields.tab in TABS ? fields.tab : "caption", known = this.catalog.models.some(one => one.id === fields.model && one.tab === this.kind(tab));
    if (known) this.models[this.kind(tab)] = fields.model;
    else delete this.models[this.kind(tab)];
    this.stored[tab] = fields;
    this.say("");
    if (this.views[tab]) this.views[tab].stale = true;
    await this.showPicture(fields.picture || this.picture.id || this.catalog.examples[0]?.id);
    await this.choose(tab);
  }

  // Show a picture; an example where the server has forgotten it.
  async showPicture(id) {
    if (!id || id === this.picture.id) return;
    if (await this.picture.show(id)) return;
    const first = this.catalog.examples[0]?.id;
    this.say("This picture is no longer on the server: choose or drop it again.");
    if (first && first !== id) await this.picture.show(first);
  }

  // Bring a tab to the front.
  async choose(tab) {
    if (this.tab && this.tab !== tab) this.views[this.tab]?.hidden();
    this.tab = tab;
    element("main").dataset.tab = tab;
    for (const name of Object.keys(TABS)) {
      const chosen = name === tab, button = element(`tab-${name}`);
      button.setAttribute("aria-selected", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
      element(`panel-${name}`).hidden = !chosen;
    }
    element("picture").hidden = tab === "text";
    try {
      await this.load(tab);
    } catch (error) {
      return this.say(error.message);
    }
    if (this.tab !== tab) return;
    const isNew = !this.views[tab];
    if (isNew) this.build(tab);
    const view = this.views[tab];
    if (isNew || view.stale) { view.leave?.(); view.restore(this.stored[tab] || {}); }
    const again = view.stale;
    view.stale = false;
    this.changed();
    await (again ? view.refresh() : view.shown());
  }

  // Make a tab, with a picker where there are several models for it.
  build(tab) {
    const place = element(`panel-${tab}`), models = this.catalog.models.filter(one => one.tab === this.kind(tab));
    if (models.length > 1) {
      const picker = make("select", {id: `model-${tab}`, onchange: () => this.chooseModel(tab, picker.value)}, ...models.map(one => make("option", {value: one.id, text: one.id, title: one.summary})));
      picker.value = this.model(tab);
      place.append(make("p", {class: "model"}, make("label", {for: picker.id, text: "Model "}), picker, make("span", {class: "hint", text: models.find(one => one.id === picker.value)?.summary || ""})));
    }
    this.views[tab] = new TABS[tab](place, this);
  }

  // Use another model in a tab, and in the others of its kind.
  async chooseModel(tab, id) {
    const given = view => Object.fromEntries(Object.entries(view.fields()).filter(([, value]) => value !== ""));
    this.models[this.kind(tab)] = id;
    for (const [name, view] of Object.entries(this.views)) if (this.kind(name) === this.kind(tab)) {
      view.stale = true;
      const {do: changes, unit, ...fields} = given(view);      // words and units of the other model
      this.stored[name] = fields;
      const picker = element(`model-${name}`);
      if (picker) { picker.value = id; picker.parentElement.querySelector(".hint").textContent = this.modelEntry(tab)?.summary || ""; }
    }
    await this.choose(tab);
  }

  // Use another picture, and show what the tab makes of it.
  async choosePicture(id) {
    this.say("");
    await this.showPicture(id);
    const view = this.views[this.tab];
    if (this.tab === "search" && view) view.interventions = [];
    this.changed();
    await view?.refresh();
  }

  // Write what is shown into the address.
  changed() {
    const view = this.views[this.tab];
    if (!view) return;
    const model = this.model(this.tab), usual = this.catalog.default[this.kind(this.tab)];
    writeAddress({tab: this.tab, model: model === usual ? "" : model, picture: this.tab === "text" ? "" : this.picture.id, ...view.fields()});
  }

  // Save what the tab shows.
  async save() {
    const shown = this.views[this.tab]?.saved();
    if (!shown) return this.say("There is nothing to save yet.");
    try { await save(shown); this.say(""); } catch (error) { this.say(error.message); }
  }

  // Write a sentence at the top of the page; "" takes it away.
  say(text) { element("message").textContent = text; element("message").hidden = !text; }
}

// Start the page.
async function start() {
  let catalog;
  const sign = text => { element("message").textContent = text; element("message").hidden = !text; };
  try {
    catalog = await getJson("/api/models", {onWait: sign});
  } catch (error) {
    return sign(error.message);
  }
  const page = new Page(catalog);
  for (const tab of Object.keys(TABS)) element(`tab-${tab}`).addEventListener("click", () => page.choose(tab));
  arrowKeys(element("tabs"), "[role=tab]", button => button.click());
  element("save").addEventListener("click", () => page.save());
  element("skip").addEventListener("click", event => { event.preventDefault(); element("main").focus(); });
  addEventListener("keydown", event => {
    // A space on a button is the button's own; arrow keys in a field are the field's.
    const own = event.target.closest?.(WRITING) || event.target.closest?.("[role=tablist]") || (event.key === " " && event.target.closest?.("button, summary, a, [type=checkbox]"));
    if (!own && !event.defaultPrevented) page.views[page.tab]?.key?.(event);
  });
  onAddress(fields => page.open(fields));
  await page.open(readAddress());
}

start();
