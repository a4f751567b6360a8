// The page: what is chosen, what is asked for, what came of it.

import { compare } from "./compare.js";
import { chosen, dropped, save } from "./files.js";
import { KeyProblem, newKey, readKey, reveal, usable } from "./key.js";
import * as service from "./service.js";

const $ = (id) => document.getElementById(id);

const VERBS = {
  protect: {
    about: "Small changes mislead other models, while the one you choose still reads the picture. They do not stop every model: Compare shows what each one here makes of it.",
    model: "Model that keeps reading",
    efforts: { fast: "fast", strong: "strong, slower", paper: "as published" },
  },
  hide: {
    about: "The picture turns into noise that one model still reads. Only the key turns it back: lose the key, and it is lost.",
    model: "Model that still reads",
    efforts: { full: "full", fast: "fast" },
    consent: "Send this key to the service for this work. Hiding needs it there: it waits encrypted, only the running service can open it, and it is forgotten when the work has ended.",
  },
  reveal: {
    about: "Hidden pictures turn back. Sealed ones are revealed here in the browser, and nothing is sent.",
    consent: "If a picture cannot be revealed in the browser (it was not hidden with a sealed key), send it and this key to the service.",
  },
};

let verb = "protect";
let pictures = [];
let key = null;
let known = { models: [] };
let jobs = [];
let running = null;

function note(message, good = false) {
  $("note").textContent = message;
  $("note").className = good ? "note good" : "note bad";
}

function options(select, entries) {
  select.replaceChildren(...entries.map(([value, label]) => new Option(label, value)));
}

function choose(name) {
  verb = name;
  const about = VERBS[verb];
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const mine = tab.id === `tab-${verb}`;
    tab.setAttribute("aria-selected", mine);
    tab.tabIndex = mine ? 0 : -1;
  }
  $("panel").setAttribute("aria-labelledby", `tab-${verb}`);
  $("about").textContent = about.about;
  $("survive-choice").hidden = verb !== "protect";
  $("choices").hidden = !about.model;
  $("model-label").textContent = about.model ?? "";
  const able = known.models.filter((m) => verb !== "protect" || m.protects);
  options($("model"), able.map((m) => [m.name, m.name]));
  options($("effort"), Object.entries(about.efforts ?? {}));
  $("key-choice").hidden = verb === "protect";
  $("new-key").hidden = verb !== "hide";
  $("consent").hidden = !about.consent;
  $("send-label").textContent = about.consent ?? "";
  $("send").checked = false;
  $("go").textContent = verb[0].toUpperCase() + verb.slice(1);
  note("");
}

function take(files) {
  pictures = files;
  const bytes = files.reduce((n, [, file]) => n + file.size, 0);
  const size = bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
  const names = files.length === 1 ? files[0][0] : `${files.length} pictures`;
  $("chosen").textContent = files.length ? `${names}, ${size}` : "No picture was found there.";
  note("");
}

async function takeKey(blob, said) {
  try {
    key = await readKey(blob);
    const locked = key.secret ? "" : " It is locked: `anamorph key passwd FILE --unlock` makes a copy usable here.";
    $("key-note").textContent = `${said} The ${key.kind} key ${key.fingerprint} is in this browser.${locked}`;
  } catch (error) {
    key = null;
    $("key-note").textContent = error.message;
  }
}

async function makeKey() {
  const blob = await newKey();
  save(blob, "new.amkey");
  await takeKey(blob, "Keep the file that was just saved: without it nobody reveals these pictures.");
}

/** Why the work cannot begin, or nothing. */
function missing() {
  if (!pictures.length) return "Choose pictures first.";
  if (verb === "protect") return "";
  if (!usable()) return "Keys can be used on https or on this machine only: browsers offer no cryptography elsewhere.";
  if (!key) return "Choose a key file first.";
  if (!key.secret) return "The key is locked; unlock a copy with `anamorph key passwd FILE --unlock`.";
  if (verb === "hide" && !$("send").checked) return "Hiding needs the key at the service. Tick the box, or use `anamorph hide` on your own machine.";
  return "";
}

async function go(event) {
  event.preventDefault();
  const why = missing();
  if (why) return note(why);
  note("");
  $("go").disabled = true;
  $("progress").hidden = false;
  $("results").hidden = false;
  await forget();
  try {
    await (verb === "reveal" ? revealed() : worked(verb, pictures, fields()));
  } catch (error) {
    told(error.message);
    note(error.message);
    if (error.status === 401) ask();
  } finally {
    $("go").disabled = false;
    $("cancel").hidden = true;
    running = null;
  }
}

function fields() {
  const form = { model: $("model").value, preset: $("effort").value };
  return verb === "protect" && $("survive").checked ? { ...form, survive: "jpeg75" } : form;
}

async function worked(what, files, form) {
  told("Sending …", 0);
  const job = await service.submit(what, form, files, what === "protect" ? null : key.file);
  jobs.push(job);
  $("forget").hidden = false;
  running = job.id;
  $("cancel").hidden = false;
  const drawn = new Set();
  const state = await service.follow(job.id, (now) => draw(now, files, drawn));
  if (!state) return told("The job was deleted.");
  await draw(state, files, drawn);
  const { done, failed, cancelled } = state.counts;
  const stopped = cancelled ? `, ${cancelled} stopped` : "";
  told(`${done} done, ${failed} failed${stopped}.`, 1);
  $("all").hidden = done === 0;
  const until = new Date(state.expires * 1000).toLocaleTimeString();
  $("kept").textContent = `The service deletes its copies at ${until}. Originals are deleted there already.`;
}

/** Reveal what can be revealed here, and send the rest only if that was allowed. */
async function revealed() {
  const rest = [];
  let here = 0;
  for (const [i, [name, file]] of pictures.entries()) {
    told(`Revealing ${i + 1} of ${pictures.length} in this browser …`, i / pictures.length);
    try {
      const found = key.kind === "sealed" ? await reveal(file, key) : null;
      if (found) {
        line(name, "revealed here, nothing was sent", true, { original: file, made: found.blob, saved: found.name });
        here += 1;
      } else rest.push([name, file]);
    } catch (error) {
      if (!(error instanceof KeyProblem)) throw error;
      line(name, error.message, false);
    }
  }
  $("kept").textContent = rest.length ? "" : "Nothing was sent to the service.";
  told(`${here} of ${pictures.length} revealed in this browser.`, 1);
  if (rest.length && $("send").checked) await worked("reveal", rest, {});
  else for (const [name] of rest) line(name, "not hidden with a sealed key, or changed since; tick the box to let the service try", false);
}

async function draw(state, files, drawn) {
  if (state.state === "running" || state.state === "queued")
    told(`${state.counts.done + state.counts.failed} of ${state.items.length} done`, state.progress);
  for (const item of state.items) {
    if (drawn.has(item.place) || !["done", "failed", "cancelled"].includes(item.state)) continue;
    drawn.add(item.place);
    const [name, original] = files[item.place];
    if (item.state !== "done") {
      const why = item.problem?.detail ?? "stopped";
      line(name, why.replace(`${item.name}: `, ""), false, { place: item.place });
      continue;
    }
    const made = await service.result(item.result);
    const saved = item.record.name ?? renamed(name, made.type);
    line(name, figures(item.record), true, { original, made, saved, place: item.place });
  }
}

function figures(record) {
  const parts = [record.status];
  if (record.prediction_after) parts.push(`still read as ${record.prediction_after}`);
  const forms = Object.entries(record.survives ?? {}).filter(([, read]) => read);
  if (forms.length) parts.push(`also after ${forms.map(([form]) => form).join(", ")}`);
  if (record.psnr) parts.push(`PSNR ${record.psnr.toFixed(1)} dB`);
  if (record.exact) parts.push("bit for bit");
  if (record.remark) parts.push(record.remark);
  return parts.join(", ");
}

function renamed(name, type) {
  const suffix = { "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp" }[type];
  const stem = name.split("/").pop().replace(/\.[^.]*$/, "");
  return suffix ? `${stem}.${suffix}` : stem;
}

/** Show what came of a picture, in the order in which the pictures were chosen. */
function line(name, said, good, { original, made, saved, place = Infinity } = {}) {
  const item = document.createElement("li");
  const image = document.createElement(made ? "img" : "div");
  if (made) {
    image.src = URL.createObjectURL(made);
    image.alt = "";
    image.addEventListener("load", () => URL.revokeObjectURL(image.src));
  } else image.className = "blank";
  const about = document.createElement("div");
  const title = document.createElement("span");
  title.className = "name";
  title.textContent = name;
  const status = document.createElement("span");
  status.className = good ? "good" : "bad";
  status.textContent = said;
  about.append(title, document.createElement("br"), status);
  item.append(image, about);
  if (made) {
    const does = document.createElement("div");
    does.className = "does";
    does.append(
      button("Download", `Download ${saved}`, () => save(made, saved)),
      button("Compare", `Compare ${name} with its original`, () => compare(name, original, made)),
    );
    item.append(does);
  }
  item.dataset.place = place;
  const next = [...$("list").children].find((other) => Number(other.dataset.place) > place);
  $("list").insertBefore(item, next ?? null);
}

function button(label, full, does) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.setAttribute("aria-label", full);
  made.addEventListener("click", does);
  return made;
}

function told(message, share) {
  $("told").textContent = message;
  if (share !== undefined) $("bar").value = share;
}

/** Remove everything of earlier work, here and at the service. */
async function forget() {
  const old = jobs;
  jobs = [];
  $("list").replaceChildren();
  $("all").hidden = $("forget").hidden = true;
  $("kept").textContent = "";
  await Promise.allSettled(old.map((job) => service.remove(job.id)));
}

async function download() {
  try {
    for (const job of jobs) save(await service.archive(job.id), `anamorph-${job.verb}.zip`);
  } catch (error) {
    note(error.message);
  }
}

function ask(message = "The token is not taken. Enter another one.") {
  service.leave();
  $("work").hidden = $("starting").hidden = true;
  $("entry").hidden = false;
  $("entry-note").textContent = message;
  $("token").focus();
}

async function open() {
  try {
    known = await service.models();
  } catch (error) {
    if (error.status === 401) return ask();
    $("starting").hidden = error.status !== 503;
    if (error.status === 503) {
      $("entry").hidden = true;
      return setTimeout(open, 2000);
    }
    $("entry").hidden = false;
    $("entry-note").textContent = error.message;
    return null;
  }
  $("entry").hidden = $("starting").hidden = true;
  $("work").hidden = false;
  return choose(verb);
}

function tabs(event) {
  const names = Object.keys(VERBS);
  const at = names.indexOf(verb);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: names.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  choose(names[(to + names.length) % names.length]);
  $(`tab-${verb}`).focus();
}

for (const tab of document.querySelectorAll("[role=tab]"))
  tab.addEventListener("click", () => choose(tab.id.slice(4)));
document.querySelector("[role=tablist]").addEventListener("keydown", tabs);
$("files").addEventListener("change", (event) => take(chosen(event.target)));
$("folder").addEventListener("change", (event) => take(chosen(event.target)));
$("key").addEventListener("change", (event) => event.target.files[0] && takeKey(event.target.files[0], ""));
$("new-key").addEventListener("click", makeKey);
$("form").addEventListener("submit", go);
$("cancel").addEventListener("click", () => running && service.cancel(running));
$("all").addEventListener("click", download);
$("forget").addEventListener("click", async () => {
  await forget();
  $("results").hidden = true;
  $("main").focus(); // the button that had it is gone
  told("Everything of this work is deleted at the service.");
});
$("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  service.enter($("token").value);
  $("token").value = "";
  open();
});
for (const name of ["dragover", "dragleave", "drop"])
  $("drop").addEventListener(name, async (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") take(await dropped(event.dataTransfer));
  });

if (service.tokenFromAddress()) open();
else ask("");
