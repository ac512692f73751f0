// Back, play, on and a slider: which step of a search is shown.
import {make} from "./dom.js";

const PACE = 420;      // milliseconds a step

export class StepPlayer {
  // Build the controls; `onStep(at)` is called when another step is to be shown.
  constructor(onStep) {
    this.onStep = onStep;
    this.at = this.length = 0;
    this.open = false;           // whether more steps may come
    this.timer = null;
    const button = (text, label, act) => make("button", {text, title: label, "aria-label": label, onclick: act});
    this.back = button("◀", "One word back (arrow left)", () => { this.stop(); this.go(this.at - 1); });
    this.toggle = button("▶ Play", "Play or pause (space)", () => this.playOrStop());
    this.on = button("▶", "One word on (arrow right)", () => { this.stop(); this.go(this.at + 1); });
    this.slider = make("input", {type: "range", min: 0, max: 0, value: 0, "aria-label": "Step of the search", oninput: () => { const to = Number(this.slider.value); this.stop(); this.go(to); }});
    this.status = make("output", {class: "step"});
    this.element = make("div", {class: "player"}, this.back, this.toggle, this.on, this.slider, this.status);
    this.update();
  }

  // Say how many steps there are, and whether more may come.
  extend(length, open) {
    this.length = length;
    this.open = open;
    if (this.at > length) this.at = length;
    this.update();
  }

  // Show step `to`.
  go(to) {
    this.at = Math.max(0, Math.min(this.length, to));
    this.update();
    this.onStep(this.at);
  }

  // Go on step by step, to the end and with what is still to come.
  play() {
    clearInterval(this.timer);
    this.timer = setInterval(() => {
      if (this.at < this.length) this.go(this.at + 1);
      else if (!this.open) this.stop();
    }, PACE);
    this.update();
  }

  // Stay at this step.
  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.update();
  }

  // Play from here, or from the beginning where the end is shown; or pause.
  playOrStop() {
    if (this.timer) return this.stop();
    if (this.at === this.length && !this.open) this.go(0);
    this.play();
  }

  // Handle a key; returns whether it was one of the player's.
  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return false;
    const to = {ArrowRight: this.at + 1, ArrowLeft: this.at - 1, Home: 0, End: this.length}[event.key];
    if (to !== undefined) { this.stop(); this.go(to); }
    else if (event.key === " ") this.playOrStop();
    else return false;
    event.preventDefault();
    return true;
  }

  // Write the state into the controls.
  update() {
    this.toggle.textContent = this.timer ? "Pause" : "Play";
    this.slider.max = this.length;
    this.slider.value = this.at;
    this.back.disabled = this.at === 0;
    this.on.disabled = this.at >= this.length;
    this.status.textContent = this.length ? `word ${this.at} of ${this.length}${this.open ? " …" : ""}` : "";
  }
}
