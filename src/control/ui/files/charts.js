// Charts drawn by hand, as SVG: a few lines over the last hour, or over five minutes.

import { bytes, count, ms, rate } from "./words.js";

const CHARTS = [
  { title: "Requests/s", as: rate, least: 1, lines: [
    { name: "requests", key: "requests_per_s", filled: true },
    { name: "errors", key: "errors_per_s", kind: "bad" }] },
  { title: "Latency", as: ms, least: 1, lines: [
    { name: "p50", key: "p50_ms", filled: true },
    { name: "p99", key: "p99_ms", kind: "second" }] },
  { title: "Sessions", as: count, least: 4, lines: [
    { name: "active", key: "sessions", filled: true },
    { name: "queue", key: "queue", kind: "second" }] },
  { title: "Bytes/s", as: bytes, least: 1000, lines: [
    { name: "out", key: "bytes_out_per_s", filled: true },
    { name: "in", key: "bytes_in_per_s", kind: "second" }] },
];
const KEYS = CHARTS.flatMap(chart => chart.lines.map(line => line.key));
const POINTS = { fine: 300, coarse: 360 };
const [HEIGHT, TOP, BOTTOM] = [132, 16, 18];

let history = null;
let span = "coarse";
const drawn = [];

// What the server remembers; later points come with each overview.
export function begin(place, remembered) {
  history = remembered;
  drawn.length = 0;
  place.replaceChildren(...CHARTS.map(figure));
  draw();
}

// Which stretch of time. A HALB that has just been started has nothing to say of an hour.
export function show(chosen) {
  span = chosen;
  draw();
}

export function usual() {
  return history.coarse.sessions.length < 60 ? "fine" : "coarse";
}

// A point for each second. Every tenth says what the ten seconds before were like.
export function add(overview) {
  if (history === null) return;
  const now = Math.floor(overview.unix_ms / 1000);
  for (const [name, points] of Object.entries(history)) {
    if (now - points.last_unix_s < points.step_s) continue;
    points.last_unix_s = now;
    for (const key of KEYS) {
      points[key].push(value(overview, key));
      if (points[key].length > POINTS[name]) points[key].shift();
    }
  }
  draw();
}

function value(overview, key) {
  if (key === "p50_ms") return overview.latency_ms.p50;
  if (key === "p99_ms") return overview.latency_ms.p99;
  return key === "sessions" ? overview.sessions_active : overview[key];
}

function svg(name, attributes = {}, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

function figure(chart) {
  const whole = document.createElement("figure");
  const caption = document.createElement("figcaption");
  const title = document.createElement("b");
  title.textContent = chart.title;
  const outputs = chart.lines.map(line => {
    const key = document.createElement("span");
    key.className = `key ${line.kind ?? ""}`;
    const output = document.createElement("output");
    output.setAttribute("aria-live", "off");
    key.append(`${line.name} `, output);
    caption.append(key);
    return output;
  });
  caption.prepend(title);
  const canvas = svg("svg", { class: "chart", role: "img" });
  const state = { chart, outputs, canvas, at: null };
  canvas.addEventListener("pointermove", event => {
    const box = canvas.getBoundingClientRect();
    state.at = (event.clientX - box.left) / box.width;
    drawOne(state);
  });
  canvas.addEventListener("pointerleave", () => {
    state.at = null;
    drawOne(state);
  });
  whole.append(caption, canvas);
  drawn.push(state);
  return whole;
}

function draw() {
  if (!document.hidden) drawn.forEach(drawOne);
}

document.addEventListener("visibilitychange", draw);
window.addEventListener("resize", draw);

// The next of 1, 2, 5, 10, 20 … above the most.
function roundedUp(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].find(step => step * power >= most) * power;
}

function drawOne({ chart, outputs, canvas, at }) {
  const points = history[span];
  const last = POINTS[span] - 1;
  // As many units as pixels, so that letters keep their size.
  const width = canvas.clientWidth || 440;
  canvas.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const shift = last + 1 - points[KEYS[0]].length;
  const values = chart.lines.map(line => points[line.key]);
  const most = roundedUp(Math.max(chart.least, ...values.flat()));
  const [floor, ceiling] = [HEIGHT - BOTTOM, TOP];
  const x = index => (width * (index + shift)) / last;
  const y = value => floor - ((floor - ceiling) * value) / most;
  const parts = [];
  for (const level of [0, 0.5, 1]) {
    const height = y(most * level);
    parts.push(svg("line", { class: "grid", x1: 0, x2: width, y1: height, y2: height }));
  }
  parts.push(svg("text", { x: 0, y: ceiling - 4 }, chart.as(most)));
  const minutes = (POINTS[span] * points.step_s) / 60;
  parts.push(svg("text", { x: 0, y: HEIGHT - 4 }, `${minutes} min ago`));
  parts.push(svg("text", { x: width / 2, y: HEIGHT - 4, "text-anchor": "middle" }, `${minutes / 2}`));
  parts.push(svg("text", { x: width, y: HEIGHT - 4, "text-anchor": "end" }, "now"));
  chart.lines.forEach((line, index) => {
    const path = pathOf(values[index], x, y);
    if (line.filled) parts.push(svg("path", { class: "area", d: areaOf(values[index], x, y, floor) }));
    parts.push(svg("path", { class: `line ${line.kind ?? ""}`, d: path }));
  });
  const index = at === null ? values[0].length - 1 : Math.round(at * last) - shift;
  if (at !== null) {
    const here = at * width;
    parts.push(svg("line", { class: "here", x1: here, x2: here, y1: ceiling, y2: floor }));
  }
  chart.lines.forEach((_, number) => {
    const value = values[number][index];
    outputs[number].textContent = value === undefined || value === null ? "–" : chart.as(value);
  });
  const said = chart.lines.map((line, number) => `${line.name} ${outputs[number].textContent}`);
  canvas.setAttribute("aria-label", `${chart.title} over ${minutes} minutes: now ${said.join(", ")}`);
  canvas.replaceChildren(...parts);
}

// Stretches of points; where there was nothing to measure the line has a gap.
function stretches(values) {
  const all = [];
  let open = null;
  values.forEach((value, index) => {
    if (value === null) {
      open = null;
    } else if (open) {
      open.push(index);
    } else {
      all.push((open = [index]));
    }
  });
  return all;
}

function pathOf(values, x, y) {
  const piece = stretch => {
    const points = stretch.map(index => `${x(index).toFixed(1)},${y(values[index]).toFixed(1)}`);
    return points.length === 1 ? `M${points[0]}h1` : `M${points.join("L")}`;
  };
  return stretches(values).map(piece).join("");
}

function areaOf(values, x, y, floor) {
  const piece = stretch => {
    const points = stretch.map(index => `${x(index).toFixed(1)},${y(values[index]).toFixed(1)}`);
    const [from, to] = [x(stretch[0]).toFixed(1), x(stretch.at(-1)).toFixed(1)];
    return `M${from},${floor}L${points.join("L")}L${to},${floor}Z`;
  };
  return stretches(values).map(piece).join("");
}
