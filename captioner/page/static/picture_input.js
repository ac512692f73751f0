// The picture that all tabs share: examples, drop, paste, file, webcam.
import {make, arrowKeys} from "./views/dom.js";
import {AttentionView} from "./views/attention_view.js";
import {postForm} from "./api.js";

export class PictureInput {
  // Build the picture and what is under it. `onPicture(id)` is called after a choice, `onMessage` with a sentence.
  constructor(place, catalog, {onPicture, onMessage}) {
    Object.assign(this, {catalog, onPicture, onMessage});
    this.id = null;
    this.view = new AttentionView(place);
    this.strip = make("div", {class: "strip", role: "group", "aria-label": "Example pictures"});
    this.file = make("input", {type: "file", accept: "image/*,.heic,.heif,.avif,.tif,.tiff", class: "unseen", tabindex: "-1", "aria-hidden": "true",
      onchange: () => { if (this.file.files[0]) this.take(this.file.files[0]); this.file.value = ""; }});
    this.progress = make("p", {class: "progress", role: "status"});
    place.append(this.progress, this.strip, make("div", {class: "ways"},
      make("button", {text: "Your picture…", title: "Choose a file; or drop or paste a picture anywhere", onclick: () => this.file.click()}),
      make("button", {text: "Webcam…", title: "Take a picture with the camera", onclick: () => this.openCamera()}),
      make("span", {class: "hint for-pointer", text: "or drop or paste one"})), this.file);
    for (const one of catalog.examples) this.strip.append(this.thumbnail(one.id, one.url, one.title));
    arrowKeys(this.strip, "button");
    this.listen();
  }

  // Return the button of a picture.
  thumbnail(id, url, title) {
    return make("button", {class: "thumbnail", "data-id": id, title, "aria-label": title, "aria-pressed": "false", tabindex: "-1",
      onclick: () => this.onPicture(id)}, make("img", {src: url, alt: "", loading: "lazy", draggable: "false"}));
  }

  // Return what a picture is called, if it is an example.
  title(id) { return this.catalog.examples.find(one => one.id === id)?.title || "your picture"; }

  // Return the address of a picture.
  url(id) { return `/api/pictures/${encodeURIComponent(id)}`; }

  // Show a picture; returns whether the server has it.
  async show(id) {
    this.id = id;
    this.mark();
    try { await this.view.setPicture(this.url(id), this.title(id)); } catch { return this.id !== id; }
    if (this.id === id) this.offer(id);
    return true;
  }

  // Mark the thumbnail of the picture that is shown.
  mark() {
    for (const one of this.strip.children) {
      const chosen = one.dataset.id === this.id;
      one.setAttribute("aria-pressed", String(chosen));
      one.tabIndex = chosen ? 0 : -1;
    }
    if (!this.strip.querySelector("[tabindex='0']")) this.strip.firstElementChild?.setAttribute("tabindex", "0");
  }

  // Put the reader's own picture before the examples, also where it came with the address.
  offer(id) {
    if (this.strip.querySelector(`[data-id="${CSS.escape(id)}"]`)) return;
    const own = this.thumbnail(id, this.url(id), "your picture");
    this.strip.prepend(own);
    this.mark();
    own.scrollIntoView({block: "nearest", inline: "nearest"});
  }

  // Send a file to the server, and go on with it.
  async take(file) {
    const limit = this.catalog.limits.bytes;
    if (file.type && !file.type.startsWith("image/")) return this.onMessage(`${file.name || "This"} is no picture.`);
    if (file.size > limit) return this.onMessage(`The picture has ${(file.size / 1e6).toFixed(0)} MB; the most is ${(limit / 1e6).toFixed(0)} MB.`);
    this.onMessage("");
    this.progress.textContent = "Sending the picture …";
    try {
      const {picture} = await postForm("/api/pictures", {image: file}, {onWait: text => { this.progress.textContent = text; }});
      this.onPicture(picture);
    } catch (error) {
      this.onMessage(error.message);
    } finally {
      this.progress.textContent = "";
    }
  }

  // Take what is dropped or pasted anywhere.
  listen() {
    const sign = document.getElementById("drop-here"), isFile = event => [...event.dataTransfer?.types || []].includes("Files");
    addEventListener("dragover", event => { if (isFile(event)) { event.preventDefault(); sign.hidden = false; } });
    addEventListener("dragleave", event => { if (!event.relatedTarget) sign.hidden = true; });
    addEventListener("drop", event => {
      sign.hidden = true;
      if (!isFile(event)) return;
      event.preventDefault();
      this.take(event.dataTransfer.files[0]);
    });
    addEventListener("paste", event => {
      const file = [...event.clipboardData?.files || []][0];
      if (file) { event.preventDefault(); this.take(file); }
    });
  }

  // Show the camera's picture until one is taken.
  async openCamera() {
    this.onMessage("");
    let stream;
    try {
      if (!navigator.mediaDevices) throw new DOMException("", "NotSupportedError");
      stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: "environment", width: {ideal: 1280}}});
    } catch (error) {
      const why = {NotAllowedError: "The browser does not let this page use the camera: allow it in the address bar, or choose a file.",
        NotFoundError: "There is no camera.", NotReadableError: "The camera is in use by another program.",
        NotSupportedError: "A browser gives the camera to https or localhost only: choose a file instead."};
      return this.onMessage(why[error.name] || "The camera cannot be used.");
    }
    const video = make("video", {autoplay: true, playsinline: true, muted: true, "aria-label": "What the camera sees"});
    const take = make("button", {class: "main", text: "Take the picture"}), cancel = make("button", {text: "Cancel"});
    const dialog = make("dialog", {class: "camera", "aria-label": "Webcam"}, video, make("div", {class: "ways"}, take, cancel));
    dialog.addEventListener("close", () => { for (const track of stream.getTracks()) track.stop(); dialog.remove(); });
    cancel.onclick = () => dialog.close();
    take.onclick = () => {
      if (!video.videoWidth) return;
      const canvas = make("canvas", {width: video.videoWidth, height: video.videoHeight});
      canvas.getContext("2d").drawImage(video, 0, 0);
      canvas.toBlob(blob => { dialog.close(); this.take(new File([blob], "webcam.jpg", {type: "image/jpeg"})); }, "image/jpeg", .92);
    };
    video.srcObject = stream;
    document.body.append(dialog);
    dialog.showModal();
    take.focus();
  }
}
