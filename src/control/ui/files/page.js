// Keeps the page live: each event from HALB is a whole overview. Whatever cannot be known any more is dimmed.

import * as charts from "./charts.js";
import * as words from "./words.js";

const SILENCE_MS = 4000;
const AGAIN_MS = 2000;
// So many outputs that do not serve are named in one sentence.
const NAMED = 4;
// Of the domain, what is another each time.
const PASSING = ["holds_s", "heard_ms", "mirror"];

const root = document.body;
const link = document.getElementById("link");
const said = document.getElementById("said");
const verdict = document.querySelector(".verdict");
const table = document.querySelector("table[aria-labelledby=outputs]");
const spans = document.querySelectorAll("[data-span]");
const rows = new Map([...table.querySelectorAll("[data-output]")].map(row => [row.dataset.output, row]));

// Requests are made with `location.origin`: the page's own address may hold a password, and `fetch` refuses that.
let source = null;
let heard = 0;
let uptime = 0;
let lastEvent = -1;
let statuses = null;
let pair = null;
let isDrawing = false;

function follow() {
  source = new EventSource("/events");
  source.addEventListener("overview", event => show(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    lose();
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, AGAIN_MS);
  });
}

function lose() {
  if (root.dataset.link === "lost") return;
  root.dataset.link = "lost";
  link.textContent = heard === 0 ? "no connection, trying again" : `connection lost at ${words.moment(heard)}, trying again`;
}

function show(overview) {
  const names = overview.outputs.map(output => output.name);
  const isOther = names.length !== rows.size || names.some(name => !rows.has(name));
  // Another HALB, or another configuration: the page has to be made anew.
  if (isOther || overview.uptime_s < uptime) return location.reload();
  uptime = overview.uptime_s;
  if (root.dataset.link !== "live") {
    root.dataset.link = "live";
    link.textContent = "live";
    remember();
  }
  heard = Date.now();
  fill(document, overview);
  overview.outputs.forEach(output => showOutput(rows.get(output.name), output));
  showVerdict(overview);
  showEvents(overview.events);
  showDomain(overview.domain);
  charts.add(overview);
}

// Everything outside the table's rows, or one row.
function fill(part, values) {
  for (const place of part.querySelectorAll("[data-f]")) {
    if (part === document && place.closest("[data-output]")) continue;
    const value = place.dataset.f.split(".").reduce((value, name) => value?.[name], values);
    const text = place.dataset.as ? words[place.dataset.as](value) : value;
    if (place.textContent !== text) place.textContent = text;
    place.toggleAttribute("data-nil", text === "0" || text === "0 B" || text === "–");
  }
}

function showOutput(row, output) {
  fill(row, output);
  row.querySelector(".status").dataset.status = output.status;
  for (const button of row.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.value === output.switch));
  }
}

const serves = output => output.status === "UP" || output.status === "DRAIN";

function showVerdict({ node, outputs }) {
  const others = outputs.filter(output => !serves(output));
  const serving = outputs.length - others.length;
  verdict.dataset.verdict = others.length === 0 ? "all" : serving > 0 ? "some" : "none";
  const named = others.slice(0, NAMED).map(output => `${output.name} ${output.status}`);
  if (others.length > NAMED) named.push("…");
  verdict.textContent = `${serving} of ${outputs.length} outputs serve${named.length > 0 ? `: ${named.join(", ")}` : ""}`;
  const down = outputs.filter(output => output.status === "DOWN").length;
  document.title = `${down > 0 ? `${down} down · ` : ""}${node} · HALB`;
  const changed = outputs.filter(output => statuses && statuses.get(output.name) !== output.status);
  if (changed.length > 0) {
    said.textContent = changed.map(output => `${output.name} is ${output.status}`).join(", ");
  }
  statuses = new Map(outputs.map(output => [output.name, output.status]));
}

// HALB draws this part itself; it is fetched when something in it is another than what is drawn, but for what only passes.
// What is drawn may be another than what was told a moment before, so it says itself what it shows.
async function showDomain(domain) {
  if (!domain || isDrawing || lasting(domain) === pair) return;
  isDrawing = true;
  try {
    const response = await fetch(`${location.origin}/pair`);
    if (response.ok) draw(await response.text());
  } catch {
    // With the next overview again.
  } finally {
    isDrawing = false;
  }
}

const lasting = domain => JSON.stringify(domain, (name, value) => PASSING.includes(name) ? undefined : value);

function draw(text) {
  const drawn = new DOMParser().parseFromString(text, "text/html").getElementById("pair");
  const place = document.getElementById("pair");
  if (!drawn || !place) return location.reload();
  pair = lasting(JSON.parse(drawn.dataset.domain));
  place.replaceWith(drawn);
  drawn.addEventListener("submit", command);
}

function command(event) {
  event.preventDefault();
  const { value } = event.submitter;
  const name = event.target.elements.output.value;
  if (!confirm(`${event.submitter.textContent} ${name}?`)) return;
  order(new URLSearchParams({ ...Object.fromEntries(new FormData(event.target)), to: value }), "domain");
}

function showEvents(events) {
  const newest = events[0]?.number ?? 0;
  if (newest === lastEvent) return;
  lastEvent = newest;
  document.getElementById("events").replaceChildren(...events.map(event => {
    const item = document.createElement("li");
    item.dataset.kind = event.kind;
    const time = document.createElement("time");
    time.dateTime = new Date(event.unix_ms).toISOString();
    time.textContent = words.moment(event.unix_ms);
    const text = document.createElement("span");
    text.textContent = event.text;
    item.append(time, text);
    return item;
  }));
}

async function remember() {
  const response = await fetch(`${location.origin}/history`);
  if (!response.ok) return;
  charts.begin(document.getElementById("charts"), await response.json());
  const place = document.querySelector(".hour");
  if (place.hidden) showSpan(charts.usual());
  place.hidden = false;
}

function showSpan(span) {
  for (const button of spans) button.setAttribute("aria-pressed", String(button.dataset.span === span));
  charts.show(span);
}

for (const button of spans) button.addEventListener("click", () => showSpan(button.dataset.span));

table.addEventListener("submit", event => {
  event.preventDefault();
  const { value } = event.submitter;
  const name = event.target.elements.output.value;
  const others = [...(statuses ?? [])].some(([other, status]) => other !== name && serves({ status }));
  const isLast = value !== "enabled" && !others;
  if (isLast && !confirm(`No other output serves. Still take ${name} out?`)) return;
  order(new URLSearchParams({ ...Object.fromEntries(new FormData(event.target)), to: value }));
});

async function order(body, path = "switch") {
  try {
    const response = await fetch(`${location.origin}/${path}`, { method: "POST", body, headers: { Accept: "application/json" } });
    // What has changed comes with the next overview. Otherwise HALB says why not.
    if (!response.ok) alert(await response.text());
  } catch {
    alert("HALB did not answer.");
  }
}

setInterval(() => {
  if (heard !== 0 && Date.now() - heard > SILENCE_MS) lose();
}, 1000);

follow();
