"use strict";
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const SHOWN = 20000; // characters of an answer
/* A text of ours in the reader's language; what stands in braces is given by name. */
const t = (text, given = {}) => Object.entries(given).reduce((found, [name, value]) => found.replace(`{${name}}`, () => value), data.words[text] ?? text);
let chosen = null; // the file that is sent
let words = ""; // the text that was sent last

/* JSON for the eye: lists of plain values, and short objects of them, on one line. */
function pretty(value, indent = "") {
  const deeper = indent + "  ";
  if (typeof value === "bigint") return String(value);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) {
    if (value.every((v) => v === null || typeof v !== "object")) return `[${value.map((v) => pretty(v)).join(", ")}]`;
    return `[\n${value.map((v) => deeper + pretty(v, deeper)).join(",\n")}\n${indent}]`;
  }
  const parts = Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${pretty(v, deeper)}`);
  const line = `{${parts.join(", ")}}`;
  return line.length + indent.length < 88 && !line.includes("\n") && indent ? line : `{\n${deeper}${parts.join(`,\n${deeper}`)}\n${indent}}`;
}

/* A reviver: whole numbers beyond 2^53 keep their digits, where the browser tells the source text. */
function exact(key, value, context) {
  const source = (context && context.source) || "";
  return typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? BigInt(source) : value;
}

function example() {
  const inputs = data.example.inputs.map((input) => ({
    ...input,
    data: input.data || new Array(input.shape.reduce((a, b) => a * b, 1)).fill(0),
  }));
  return pretty({ ...data.example, inputs });
}

/* What the form sends: file, text or json. */
function mode() {
  const checked = document.querySelector("[name=mode]:checked");
  return checked ? checked.value : "json";
}

function choose(file) {
  chosen = file;
  $("chosen").textContent = `${file.name} (${Math.ceil(file.size / 1024)} KiB)`;
  if (data.sound) listen(file);
  $("preview").hidden = !data.preview;
  if (!data.preview) return;
  URL.revokeObjectURL($("preview").src);
  $("preview").src = URL.createObjectURL(file);
}

/* A sound is played, and drawn: for each column of pixels a line from its lowest to its highest sample. */
async function listen(file) {
  URL.revokeObjectURL($("player").src);
  $("player").src = URL.createObjectURL(file);
  $("player").hidden = false;
  const canvas = $("wave"), { width, height } = canvas;
  canvas.hidden = true;
  let samples;
  try {
    const decoded = await new OfflineAudioContext(1, 1, 16000).decodeAudioData(await file.arrayBuffer());
    samples = decoded.getChannelData(0);
  } catch { return; /* the server will say what is wrong with it */ }
  if (chosen !== file) return;
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = getComputedStyle(canvas).color;
  for (let x = 0; x < width; x++) {
    let low = 0, high = 0;
    const end = Math.max((x + 1) * samples.length / width, Math.floor(x * samples.length / width) + 1);
    for (let at = Math.floor(x * samples.length / width); at < end && at < samples.length; at++) {
      low = Math.min(low, samples[at]);
      high = Math.max(high, samples[at]);
    }
    pen.fillRect(x, (1 - Math.min(1, high)) * height / 2, 1, Math.max(1, (Math.min(1, high) - Math.max(-1, low)) * height / 2));
  }
  canvas.hidden = false;
}

function show(status, good, time, text) {
  $("status").textContent = status;
  $("status").className = good ? "good" : "bad";
  $("time").textContent = time;
  let body = null;
  try { body = JSON.parse(text, exact); } catch { /* shown as it came */ }
  bars(good && body && Array.isArray(body.top_k) ? body.top_k : []);
  const mask = good && body && data.preview && typeof body.mask === "string" && Array.isArray(body.classes) ? body.mask : "";
  draw(good && body ? shapes(body) : [], body, mask);
  explain(mask ? body.classes : []);
  mark(words, good && body && Array.isArray(body.entities) ? body.entities : []);
  if (mask) body.mask = t("{start}… {count} characters", { start: mask.slice(0, 40), count: mask.length });
  const full = body === null ? text : pretty(body);
  const left = full.length - SHOWN;
  $("result").textContent = left > 0 ? t("{start}\n… and {count} more characters", { start: full.slice(0, SHOWN), count: left }) : full;
  $("answer").hidden = false;
}

function bars(classes) {
  $("classes").replaceChildren(...classes.map((entry) => {
    const [item, name, track, bar, score] = ["li", "span", "div", "i", "b"].map((t) => document.createElement(t));
    name.textContent = entry.label ?? t("class {number}", { number: entry.class_id });
    bar.style.width = `${Math.max(0, Math.min(1, entry.score)) * 100}%`;
    score.textContent = entry.score >= 0 && entry.score <= 1 ? `${(entry.score * 100).toFixed(1)} %` : entry.score.toPrecision(4);
    track.append(bar);
    item.append(name, track, score);
    return item;
  }));
  $("classes").hidden = !classes.length;
}

/* What was found in a picture: its corners, and its name; of objects the box, of lines of text and cells the polygon, and what was read. */
function shapes(body) {
  if (Array.isArray(body.lines)) return body.lines.map((line) => ({ corners: line.box, name: line.text, above: true }));
  if (Array.isArray(body.cells)) return body.cells.map((cell) => ({ corners: cell.box }));
  if (!Array.isArray(body.objects)) return [];
  return body.objects.map(({ box, label, class_id, score }) => ({
    corners: [[box.xmin, box.ymin], [box.xmax, box.ymin], [box.xmax, box.ymax], [box.xmin, box.ymax]],
    name: `${label ?? t("class {number}", { number: class_id })} ${(score * 100).toFixed(0)} %`,
  }));
}

/* The picture as it was sent, with polygons and names, or a mask: corners are counted in its own pixels. */
function draw(found, size, mask) {
  const picture = $("drawn").querySelector("img"), drawing = $("drawn").querySelector("svg");
  $("drawn").hidden = !found.length && !mask;
  $("mask").hidden = !mask;
  if (mask) $("mask").src = `data:image/png;base64,${mask}`;
  if (!found.length && !mask) return;
  URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(chosen);
  drawing.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  const high = Math.max(size.width, size.height) / 36;
  drawing.replaceChildren(...found.flatMap(({ corners, name, above }) => {
    const [polygon, text] = ["polygon", "text"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
    polygon.setAttribute("points", corners.map((corner) => corner.join(",")).join(" "));
    if (!name) return [polygon];
    text.textContent = name;
    text.setAttribute("font-size", high);
    text.setAttribute("x", corners[0][0] + high / 4);
    text.setAttribute("y", above ? Math.min(...corners.map((corner) => corner[1])) - high / 4 : corners[0][1] + high);
    return [polygon, text];
  }));
}

/* Which colour of a mask is which class, and how much of the picture it is. */
function explain(classes) {
  $("legend").replaceChildren(...classes.map((entry) => {
    const [item, colour] = ["li", "i"].map((tag) => document.createElement(tag));
    colour.style.background = entry.color;
    item.append(colour, `${entry.label ?? t("class {number}", { number: entry.class_id })} ${(entry.fraction * 100).toFixed(1)} %`);
    return item;
  }));
  $("legend").hidden = !classes.length;
}

/* The text as it was sent, with its entities marked: places are counted in code points. */
function mark(text, entities) {
  const points = [...text];
  const parts = [];
  let at = 0;
  for (const entity of entities) {
    if (entity.start < at) continue;
    const [piece, name] = ["mark", "small"].map((tag) => document.createElement(tag));
    piece.textContent = points.slice(entity.start, entity.end).join("");
    name.textContent = entity.label;
    piece.append(name);
    parts.push(points.slice(at, entity.start).join(""), piece);
    at = entity.end;
  }
  $("marked").replaceChildren(...parts, points.slice(at).join(""));
  $("marked").hidden = !entities.length;
}

async function send() {
  const now = mode(), file = now === "file";
  if (file && !chosen) { show(t("No file yet"), false, "", JSON.stringify({ error: t("Choose {what} first.", { what: t(data.what) }) })); $("file").focus(); return; }
  const button = document.querySelector("#form button");
  button.disabled = true;
  const began = performance.now();
  try {
    const sent = { file: () => chosen, text: () => $("text").value, json: () => $("body").value }[now]();
    const kind = { file: (chosen && chosen.type) || "application/octet-stream", text: "text/plain", json: "application/json" }[now];
    const answer = await fetch(now === "json" ? `v2/models/${data.name}/infer` : "predict", {
      method: "POST",
      body: sent,
      headers: { "Content-Type": kind },
    });
    const text = await answer.text();
    words = now === "text" ? sent : "";
    show(`${answer.status} ${answer.statusText}`, answer.ok, t("{time} ms, seen from this browser", { time: (performance.now() - began).toFixed(1) }), text);
  } catch {
    show(t("No answer"), false, "", JSON.stringify({ error: t("The server could not be reached, or ended the connection.") }));
  }
  button.disabled = false;
}

async function follow() {
  let about = { state: "unreachable" };
  if (!document.hidden) {
    try {
      const answer = await fetch("./", { headers: { Accept: "application/json" }, cache: "no-store" });
      if (answer.ok) about = await answer.json();
    } catch { /* unreachable */ }
    if ($("state").dataset.state !== about.state) {
      $("state").dataset.state = about.state;
      $("state").firstElementChild.textContent = t(about.state);
    }
    if (about.digest) $("digest").textContent = about.digest;
    if (about.paddle_version) $("paddle").textContent = about.paddle_version;
  }
  setTimeout(follow, about.state === "ready" && about.digest ? 5000 : 1000);
}

/* The server knows its name only from the Host header; the browser knows the whole address. */
const here = location.origin + location.pathname.replace(/[^/]*$/, "");
$("curl").textContent = $("curl").textContent.replace(data.base, () => here);
if (navigator.clipboard) {
  $("copy").hidden = false;
  $("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText($("curl").textContent);
    $("copy").textContent = t("Copied");
    setTimeout(() => { $("copy").textContent = t("Copy"); }, 1500);
  });
}
$("form").hidden = false;
$("body").value = example();
$("form").addEventListener("submit", (event) => { event.preventDefault(); send(); });
for (const area of document.querySelectorAll("textarea")) {
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); send(); }
  });
}
for (const choice of document.querySelectorAll("[name=mode]")) {
  choice.addEventListener("change", () => {
    for (const part of ["file", "text", "json"]) if ($(`${part}-part`)) $(`${part}-part`).hidden = mode() !== part;
  });
}
if (data.what !== null) {
  $("file").addEventListener("change", () => { if ($("file").files[0]) choose($("file").files[0]); });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    $("drop").addEventListener(kind, (event) => {
      event.preventDefault();
      $("drop").classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files[0]) choose(event.dataTransfer.files[0]);
    });
  }
}
setTimeout(follow, 1000);
