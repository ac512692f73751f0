// The Caption tab: a caption word by word with its attention, the n best, how sure the model is, settings.
import {make, groupColour, wantsCalm} from "./dom.js";
import {CaptionView, captionList, confidenceBar} from "./caption_view.js";
import {Tab} from "./tab.js";
import {SearchOptions} from "./search_options.js";
import {postForm} from "./api.js";

const PACE = 430, N_BEST = 3;      // milliseconds a word; captions that are asked for where nobody says

export class CaptionTab extends Tab {
  // Build the tab.
  constructor(place, page) {
    super(place, page, "caption");
    this.view = new CaptionView(attention => this.attention.show(attention), () => page.changed());
    this.sure = make("div", {class: "sure-place"});
    this.spoken = make("p", {class: "unseen", "aria-live": "polite"});
    this.again = make("button", {class: "quiet", title: "Play the caption word by word", text: "▷ Play again", onclick: () => this.again.dataset.draw ? this.refresh() : this.play()});
    this.list = make("div", {class: "list-place"});
    this.settings = new SearchOptions(page.catalog, {isUsable: () => true, withNBest: true, onChange: () => { page.changed(); this.refresh(); }});
    this.settings.nBest = N_BEST;
    this.hint = make("p", {class: "hint", text: "Point at a word to see where the model looks when it writes it."});
    place.append(this.view.element, make("div", {class: "under-caption"}, this.sure, this.again), this.message, this.hint,
      make("h2", {text: "The best captions"}), this.list, this.settings.element, this.spoken);
    place.classList.add("nothing-yet");
  }

  // Take the fields of the address.
  restore(fields) {
    this.settings.set(fields);
    this.settings.setOwn(this.page.own("caption")?.search);
    this.wanted = Number(fields.caption) || 0;
    this.wantedWord = fields.word === undefined ? null : Number(fields.word);
  }

  // Return the fields of the address.
  fields() { return {...this.settings.given(), caption: this.chosen || "", word: this.view.pinned ?? ""}; }

  // Caption the picture, and play the caption.
  async refresh() {
    this.stop();
    const given = this.settings.given(), greedy = this.settings.search() === "greedy";
    const fields = {picture: this.page.picture.id, model: this.page.model("caption"), ...(greedy ? {} : {n_best: N_BEST}), ...given};
    const result = await this.newest(options => postForm("/api/caption", fields, options));
    if (!result) return;
    this.result = result;
    this.place.classList.remove("nothing-yet");
    this.setGrid(result);
    this.settings.setUsed(result.settings);
    this.choose(Math.min(this.wanted || 0, result.captions.length - 1), this.wantedWord === null);
    if (this.wantedWord !== null && this.wantedWord < result.captions[this.chosen].words.length) this.view.pin(this.wantedWord);
    this.wanted = 0;
    this.wantedWord = null;
  }

  // Show one of the captions.
  choose(index, play = true) {
    const {captions, unsure, settings} = this.result, caption = captions[index];
    this.chosen = index;
    this.spoken.textContent = `Caption: ${caption.text}`;
    this.sure.replaceChildren(confidenceBar(caption.confidence, unsure && index === 0));
    const draws = ["sample", "mbr"].includes(settings?.search) && !this.settings.given().seed;
    this.again.textContent = draws ? "↻ Draw again" : "▷ Play again";
    this.again.dataset.draw = draws ? "1" : "";
    const groups = 1 + Math.max(...captions.map(one => one.group));
    this.list.replaceChildren(captionList(captions, index, one => groups > 1 ? groupColour(one.group, groups) : null, at => this.choose(at)));
    this.hint.hidden = !caption.attention;
    this.view.set(caption);
    this.page.changed();
    if (play && !this.place.hidden) this.play();
  }

  // Let the words come one by one, each with its attention.
  play() {
    this.stop();
    const caption = this.result.captions[this.chosen];
    if (wantsCalm()) { this.view.reveal(Infinity); return; }
    let count = 0;
    this.view.reveal(0);
    const step = () => {
      if (count === caption.words.length) { this.stop(); this.view.point(null); return; }
      this.view.reveal(++count);
      this.view.point(count - 1);
    };
    step();
    this.timer = setInterval(step, PACE);
    // Whoever points at the caption takes over.
    this.view.words.addEventListener("pointermove", () => this.stop(), {once: true});
    this.view.words.addEventListener("focusin", () => this.stop(), {once: true});
  }

  // Stop playing, with all words shown.
  stop() {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = null;
    this.view.reveal(Infinity);
  }

  // The tab comes to the front: lay the grid over the picture again.
  shown() {
    if (!this.result || this.result.picture !== this.page.picture.id) return this.refresh();
    this.setGrid(this.result);
  }

  // The tab goes to the back.
  hidden() { this.stop(); this.attention.show(null); }

  // Return what a saved page shows.
  saved() {
    if (!this.result) return null;
    return {title: this.result.captions[this.chosen].text, view: "caption", picture: this.result.picture, data: {...this.result, chosen: this.chosen}};
  }
}
