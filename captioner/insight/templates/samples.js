"use strict";
const [sort, show, word, count, main] = ["#sort", "#show", "#word", "#count", "main"].map(s => document.querySelector(s));
const cards = [...main.children].map((element, position) => ({
  element, position,
  scores: JSON.parse(element.dataset.scores),
  text: " " + element.querySelector(".caption").textContent.trim().toLowerCase(),
}));

function arrange() {
  const [sign, name] = [Number(sort.value.slice(0, 2)), sort.value.slice(2)];
  const wanted = word.value.trim().toLowerCase();
  const value = card => card.scores[name] ?? Infinity * sign;      // a card without this score comes last
  const order = (a, b) => value(a) === value(b) ? a.position - b.position : sign * (value(a) - value(b));
  const found = cards.filter(card => card.text.includes(" " + wanted));
  if (name) found.sort(order);
  const shown = found.slice(0, Number(show.value));
  main.replaceChildren(...shown.map(card => card.element));
  count.value = shown.length + " of " + found.length + (wanted ? " with “" + wanted + "”" : "");
}

function maskOf(element) {                                         // the attention map as an image's opacity
  const [rows, columns] = element.closest(".card").dataset.grid.split(" ").map(Number);
  const small = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
  const pixels = new ImageData(columns, rows);
  [...atob(element.dataset.alphas)].forEach((byte, i) => { pixels.data[4 * i + 3] = byte.charCodeAt(0); });
  small.getContext("2d").putImageData(pixels, 0, 0);
  const large = Object.assign(document.createElement("canvas"), { width: 8 * columns, height: 8 * rows });
  const context = large.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, large.width, large.height);
  return "url(" + large.toDataURL() + ")";
}

function showAttention(event) {
  document.querySelectorAll(".attended").forEach(image => {
    image.parentNode.classList.remove("masked");
    image.remove();
  });
  const word = event.target.closest("[data-alphas]");
  if (!word || /out$/.test(event.type)) return;
  const picture = word.closest(".card").querySelector(".picture");
  const attended = picture.querySelector("img").cloneNode();
  attended.className = "attended";
  attended.style.maskImage = attended.style.webkitMaskImage = maskOf(word);
  picture.classList.add("masked");
  picture.append(attended);
}

for (const type of ["mouseover", "mouseout", "focusin", "focusout"]) main.addEventListener(type, showAttention);
for (const control of [sort, show, word]) control.addEventListener("input", arrange);
document.querySelector("form").addEventListener("submit", event => event.preventDefault());
arrange();
