// What the page asks of the service. The token is in this module alone, and in the tab's storage.

const STORED = "anamorph-token";
const PATIENCE = 5; // waits for one answer, where there are too many requests

let token = sessionStorage.getItem(STORED) ?? "";

/** An answer that tells of an error. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Take the token from the address, whose part behind # is never sent to anyone. */
export function tokenFromAddress() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (found) {
    enter(found);
    history.replaceState(null, "", location.pathname);
  }
  return token !== "";
}

export function enter(given) {
  token = given.trim();
  sessionStorage.setItem(STORED, token);
}

export function leave() {
  token = "";
  sessionStorage.removeItem(STORED);
}

const pause = (seconds) => new Promise((good) => setTimeout(good, seconds * 1000));

async function ask(path, how = {}, tries = PATIENCE) {
  let answer;
  try {
    const headers = { ...how.headers, Authorization: `Bearer ${token}` };
    answer = await fetch(path, { ...how, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The service cannot be reached. Check the connection and try again.");
  }
  if (answer.ok) return answer;
  const after = answer.headers.get("Retry-After");
  if (answer.status === 429 && after && tries) {
    await pause(Number(after)); // many results at once: the service counts requests
    return ask(path, how, tries - 1);
  }
  const told = await answer.json().catch(() => ({}));
  const when = after ? ` (in ${after} s)` : "";
  throw new Problem(answer.status, (told.detail ?? `The service answered ${answer.status}.`) + when);
}

export const models = async () => (await ask("/v1/models")).json();

/** Queue a job; files are pairs of a name and a Blob. */
export async function submit(verb, fields, files, key) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  if (key) form.append("key", key, "key.amkey");
  for (const [name, blob] of files) form.append("picture", blob, name);
  const headers = { Prefer: "respond-async" };
  return (await ask(`/v1/${verb}`, { method: "POST", body: form, headers })).json();
}

/** Follow a job to its end; `told` is called with every state of it. */
export async function follow(job, told) {
  const answer = await ask(`/v1/jobs/${job}/events`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const data = event.split("\n").find((line) => line.startsWith("data: "));
      const state = data ? JSON.parse(data.slice(6)) : null;
      if (state) await told(state);
      if (event.startsWith("event: end")) return state;
    }
  }
  return (await ask(`/v1/jobs/${job}`)).json(); // the connection was lost: ask once more
}

export const cancel = (job) => ask(`/v1/jobs/${job}/cancel`, { method: "POST" });
export const remove = (job) => ask(`/v1/jobs/${job}`, { method: "DELETE" });
export const result = async (path) => (await ask(path)).blob();
export const archive = async (job) => (await ask(`/v1/jobs/${job}/results`)).blob();

/** How every model reads an original and its result. */
export async function read(original, made) {
  const form = new FormData();
  form.append("original", original, "original");
  form.append("result", made, "result");
  return (await (await ask("/v1/read", { method: "POST", body: form })).json()).models;
}
