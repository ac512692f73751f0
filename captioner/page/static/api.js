// Requests to the server: forms, JSON, server-sent events; a busy server is asked again.

const TRIES = 5;

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

// Return a form for a request: nothing for null and "", a field of its own for each item of a list.
// Multipart would turn line feeds of a text into CR LF, so it is for files alone.
function formOf(fields) {
  const form = Object.values(fields).some(value => value instanceof Blob) ? new FormData() : new URLSearchParams();
  for (const [name, value] of Object.entries(fields))
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== null && one !== undefined && one !== "") form.append(name, one);
  return form;
}

// Wait, and call `onWait` every second with what is left; stops where the request is given up.
async function wait(seconds, {signal, onWait}) {
  for (let left = seconds; left > 0; left--) {
    onWait?.(`The server is busy, trying again in ${left} s.`);
    await new Promise(resolve => setTimeout(resolve, 1000));
    signal?.throwIfAborted();
  }
  onWait?.("");
}

// Return the response to a request, or throw an ApiError with the server's sentence.
async function send(path, request, options) {
  for (let turn = 1; ; turn++) {
    let response;
    try {
      response = await fetch(path, {...request, signal: options.signal});
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError("The server does not answer. Is captioner serve still running?", 0);
    }
    if (response.ok) return response;
    if (response.status === 503 && turn < TRIES) {
      await response.body?.cancel();
      await wait(Math.min(30, Number(response.headers.get("retry-after")) || 2), options);
      continue;
    }
    let sentence = `The server answered ${response.status}.`;
    try { sentence = (await response.json()).error || sentence; } catch { /* no JSON: the status says it */ }
    throw new ApiError(sentence, response.status);
  }
}

// Return the JSON at a path.
export async function getJson(path, options = {}) {
  return (await send(path, {headers: {accept: "application/json"}}, options)).json();
}

// Send fields as a form, and return the JSON.
export async function postForm(path, fields, options = {}) {
  return (await send(path, {method: "POST", body: formOf(fields), headers: {accept: "application/json"}}, options)).json();
}

// Send JSON, and return the response.
export async function postJson(path, value, options = {}) {
  return send(path, {method: "POST", body: JSON.stringify(value), headers: {"content-type": "application/json"}}, options);
}

// Forget a search on the server; nobody waits for it.
export function forget(path) {
  fetch(path, {method: "DELETE", keepalive: true}).catch(() => {});
}

// Yield [event, data] of a stream that answers JSON.
export async function* jsonEvents(path, value, options = {}) {
  yield* eventsOf(await postJson(path, value, options));
}

// Yield [event, data] of a stream that answers a form.
export async function* formEvents(path, fields, options = {}) {
  const headers = {accept: "text/event-stream"};
  yield* eventsOf(await send(path, {method: "POST", body: formOf(fields), headers}, options));
}

// Yield the server-sent events of a response; an event `error` is thrown.
async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const {done, value} = await reader.read();
      if (done) return;
      const parts = (text + value.replaceAll("\r\n", "\n")).split("\n\n");
      text = parts.pop();
      for (const part of parts) {
        const event = eventOf(part);
        if (!event) continue;
        if (event[0] === "error") throw new ApiError(event[1].error, 200);
        yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

// Return [event, data] of one block of lines; null for a comment.
function eventOf(block) {
  let event = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) event = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  return data.length ? [event, JSON.parse(data.join("\n"))] : null;
}
