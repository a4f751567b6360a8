// The slider between an original and its result, and how each model reads both.

import * as service from "./service.js";

const $ = (id) => document.getElementById(id);
let shown = [];

function show() {
  $("compare").querySelector(".pair").style.setProperty("--shown", `${$("slider").value}%`);
}

const text = (reading) => (reading ? `${reading.label} (${Math.round(reading.share * 100)}\u00a0%)` : "");

function row(told) {
  const [before, after] = told.readings ?? [];
  const line = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = told.model;
  line.append(head);
  const same = told.same ?? null;
  const last = same === null ? `cosine ${told.cosine.toFixed(2)}` : same ? "yes" : "no";
  for (const cell of [text(before), text(after), last]) {
    const one = document.createElement("td");
    one.textContent = cell;
    line.append(one);
  }
  return line;
}

async function readings(original, made) {
  $("readings").replaceChildren();
  $("reading-note").textContent = "The models are reading …";
  try {
    const told = await service.read(original, made);
    $("readings").replaceChildren(...told.map(row));
    $("reading-note").textContent = "";
  } catch (error) {
    $("reading-note").textContent = error.message;
  }
}

/** Open the comparison of one picture. */
export function compare(name, original, made) {
  $("compare-title").textContent = name;
  shown = [original, made].map((blob) => URL.createObjectURL(blob));
  [$("before").src, $("after").src] = shown;
  $("before").alt = `${name}, the original`;
  $("after").alt = `${name}, the result`;
  $("slider").value = 50;
  show();
  $("compare").showModal();
  return readings(original, made);
}

$("slider").addEventListener("input", show);
$("close").addEventListener("click", () => $("compare").close());
$("compare").addEventListener("close", () => shown.forEach((url) => URL.revokeObjectURL(url)));
