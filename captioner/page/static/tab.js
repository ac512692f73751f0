// What the tabs have in common: one request at a time, and a sentence where something went wrong.
import {make} from "./dom.js";

export class Tab {
  // Take the tab's place. `page` has picture, catalog, model(tab), own(tab), changed().
  constructor(place, page, name) {
    this.place = place;
    this.page = page;
    this.attention = page.picture.view;
    this.message = make("p", {class: "message", role: "alert", hidden: true});
    place.classList.add(`${name}-tab`);
  }

  // Write a sentence where something went wrong; "" takes it away.
  say(text) { this.message.textContent = text; this.message.hidden = !text; }

  // Return what `act(options)` resolves to, and give an earlier act up; null where it failed or came too late.
  async newest(act) {
    this.request?.abort();
    const request = this.request = new AbortController();
    this.place.setAttribute("aria-busy", "true");
    try {
      const found = await act({signal: request.signal, onWait: text => this.say(text)});
      if (request !== this.request) return null;
      this.say("");
      return found;
    } catch (error) {
      if (request === this.request && error.name !== "AbortError") this.say(error.message);
      return null;
    } finally {
      if (request === this.request) this.place.removeAttribute("aria-busy");
    }
  }

  // Lay the locations of an answer over the picture, if the tab is in front.
  setGrid({grid, view_box}) { if (!this.place.hidden) this.attention.setGrid(grid, view_box); }
}
