// Helpers to make elements and to write numbers for readers.

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

// Return a new HTML element. `text` is its content, `onclick` and the like are listeners, null is left out.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  if (tag === "button") element.type = "button";
  return setUp(element, attributes, children);
}

// Return a new SVG element.
export function makeSvg(tag, attributes = {}, ...children) {
  return setUp(document.createElementNS(SVG_NAMESPACE, tag), attributes, children);
}

// Set attributes, listeners and children; return the element.
function setUp(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}

// Return a bar that is filled to a share; the number stands beside it for those who do not see it.
export function bar(share) {
  const fill = make("i");
  fill.style.width = `${100 * share}%`;
  return make("span", {class: "bar", "aria-hidden": "true"}, fill);
}

// Return a dot in the colour of a group.
export function dot(kind, colour) {
  const made = make("i", {class: kind});
  made.style.setProperty("--group", colour);
  return made;
}

// Return a probability as a percentage that keeps two digits where it is small.
export function percent(probability) {
  const hundred = 100 * probability;
  if (hundred >= 99.95) return "100 %";
  if (hundred >= 9.95) return `${hundred.toFixed(0)} %`;
  if (hundred >= 0.095) return `${hundred.toFixed(1)} %`;
  return hundred >= 0.001 ? `${hundred.toPrecision(1)} %` : "< 0.001 %";
}

// Return a number with a true minus sign.
export function signed(number, digits = 2) {
  return number.toFixed(digits).replace("-", "−");
}

// Return whether the reader asked for little motion.
export function wantsCalm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

// Return the colour of a group of diverse beam search: told apart by colour-blind readers up to eight.
export function groupColour(group, groups) {
  const told = ["#3b82c4", "#d9691e", "#1f9e77", "#c66aa2", "#c99a12", "#4fb3d9", "#8b6bbf", "#8a8a86"];
  if (groups <= 1) return "var(--accent)";
  return groups <= told.length ? told[group] : `hsl(${(210 + group * 360 / groups) % 360} 55% 50%)`;
}

// Move the focus of a row of buttons with the arrow keys; only the chosen one is reached by Tab.
export function arrowKeys(parent, selector, onMove = () => {}) {
  parent.addEventListener("keydown", event => {
    const all = [...parent.querySelectorAll(selector)], now = all.indexOf(event.target);
    const to = {ArrowRight: now + 1, ArrowDown: now + 1, ArrowLeft: now - 1, ArrowUp: now - 1, Home: 0, End: all.length - 1}[event.key];
    if (now < 0 || to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const next = all[(to + all.length) % all.length];
    for (const one of all) one.tabIndex = one === next ? 0 : -1;
    next.focus();
    onMove(next);
  });
}
