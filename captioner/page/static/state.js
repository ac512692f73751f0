// What is shown, in the address after #: a link or a reload shows the same.

let waiting = 0, wanted = "";

// Return the fields of the address.
export function readAddress() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

// Write fields into the address, without a new entry in the history; null and "" are left out.
export function writeAddress(fields) {
  const kept = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false);
  wanted = `#${new URLSearchParams(kept.map(([name, value]) => [name, String(value)]))}`;
  clearTimeout(waiting);
  // Browsers limit how often the address may change.
  waiting = setTimeout(writeNow, 150);
}

// Write what waits to be written.
export function writeNow() {
  clearTimeout(waiting);
  if (wanted && wanted !== location.hash) history.replaceState(null, "", wanted);
}

// Call a function with the fields when the reader changes the address.
export function onAddress(listener) {
  addEventListener("hashchange", () => { clearTimeout(waiting); wanted = ""; listener(readAddress()); });
  addEventListener("pagehide", writeNow);
}

// Return the words forced and banned as text: kind:time:beam:token:word,...
export function interventionsText(interventions) {
  return interventions.map(one => [one.kind, one.time, one.beam, one.token, encodeURIComponent(one.word)].join(":")).join(",");
}

// Return the words forced and banned of such a text; what is none is left out.
export function interventionsOf(text) {
  return (text || "").split(",").map(one => {
    const [kind, time, beam, token, word] = one.split(":");
    return {kind, time: Number(time), beam: Number(beam), token: Number(token), word: safeDecode(word || "")};
  }).filter(one => ["force", "ban"].includes(one.kind) && one.time >= 1 && one.beam >= 0 && one.token >= 0);
}

// Return text without its escapes; as it is where they are broken.
function safeDecode(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}
