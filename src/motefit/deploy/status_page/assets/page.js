"use strict";
// All text from the node is set as text, never as HTML: labels and file names may contain anything.
const PERIOD_MS = 1000, LATE_MS = 8000, SVG = "http://www.w3.org/2000/svg";
const WIDTH = 480, HEIGHT = 170, LEFT = 52, RIGHT = 5, TOP = 8, FOOT = 22;
const at = id => document.getElementById(id);
let csrf = "", answered = Date.now(), touched = false;

function made(name, text, kind) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  return element;
}
function drawn(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}
// what has not changed is left alone, so that nothing that a person is reading or has selected moves
const shown = new Map();
function put(id, value, build) {
  const text = JSON.stringify(value);
  if (shown.get(id) === text) return;
  shown.set(id, text);
  at(id).replaceChildren(...build(value));
}
function say(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}

const UNITS = { Cel: "°C", "%RH": "% RH", "%EL": "%", "/": "" };
const unit = name => (name in UNITS ? UNITS[name] : name || "");
const whole = n => n.toLocaleString("en-US").replaceAll(",", "\u00a0");
const clock = ms => new Date(ms).toLocaleTimeString("en-GB");
const minute = ms => clock(ms).slice(0, 5);
const rounded = (value, span) => value.toFixed(Math.min(Math.max(1 - Math.floor(Math.log10(span || 1)), 0), 4));
const percent = p => `${(100 * p).toFixed(1)} %`;
function length(seconds) {
  const s = Math.floor(seconds), parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = parts.findIndex(([size]) => s >= size);
  if (first < 0) return "0 s";
  return parts.slice(first, first + 2).map(([size, name], n) =>
    `${Math.floor((n ? s % parts[first][0] : s) / size)} ${name}`).filter(t => t[0] !== "0").join(" ");
}

function figures(state) {
  const spotter = state.spotter, list = [
    ["readings", whole(state.readings), `${whole(state.sent)} sent`],
    ["waiting in the outbox", whole(state.waiting), state.given_up + state.refused ? `${whole(state.given_up + state.refused)} lost` : "none lost"],
    ["switches", whole(state.switches), `running ${length(state.uptime_s)}`],
  ];
  if (spotter) list.push(["inference", spotter.evaluations ? `${spotter.latest_ms.toFixed(2)} ms` : "–",
    spotter.evaluations ? `${(1000 * spotter.evaluated_s / spotter.evaluations).toFixed(2)} ms on average of ${whole(spotter.evaluations)}` : "no sound has stood out yet"]);
  for (const [what, counts] of [["failed to read", state.failed], ["rejected", state.rejected]]) {
    const names = Object.keys(counts);
    if (names.length) list.push([what, whole(names.reduce((sum, name) => sum + counts[name], 0)), names.join(", ")]);
  }
  return list;
}
function figure([name, value, note]) {
  const box = made("div");
  box.append(made("dt", name), made("dd", value), made("dd", note, "note"));
  return box;
}

function chart(name, track, ahead) {
  const box = made("figure"), caption = made("figcaption"), count = track.values.length;
  const own = [...track.values, ...ahead.values], times = [...track.times_ms, ...ahead.times];
  const low = Math.min(...own), high = Math.max(...own), span = high - low || 1;
  const start = Math.min(...times), length = Math.max(...times) - start || 1;
  const x = t => LEFT + (t - start) / length * (WIDTH - LEFT - RIGHT);
  const y = v => TOP + (high - v) / span * (HEIGHT - TOP - FOOT);
  const points = (ts, vs) => ts.map((t, n) => `${x(t).toFixed(1)},${y(vs[n]).toFixed(1)}`).join(" ");
  const latest = track.values[count - 1], text = v => `${rounded(v, span)} ${unit(track.unit)}`.trim();
  caption.append(made("span", name), made("b", text(latest)));
  const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  svg.setAttribute("aria-label", `${name} from ${clock(start)} to ${clock(times[count - 1])}: ${text(Math.min(...track.values))} to ${text(Math.max(...track.values))}, now ${text(latest)}`);
  for (const v of high > low ? [high, low] : [low])
    svg.append(drawn("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y(v), y2: y(v) }),
      drawn("text", { x: LEFT - 8, y: y(v) + 4, class: "end" }, rounded(v, span)));
  svg.append(drawn("text", { x: LEFT, y: HEIGHT - 4 }, clock(start)),
    drawn("text", { x: WIDTH, y: HEIGHT - 4, class: "end" }, clock(start + length)));
  svg.append(drawn("polyline", { class: "line", points: points(track.times_ms, track.values) }));
  if (ahead.values.length)
    svg.append(drawn("polyline", { class: "line ahead", points: points(ahead.times, ahead.values) }));
  svg.append(drawn("circle", { class: "dot", r: 4, cx: x(track.times_ms[count - 1]), cy: y(latest) }));
  box.append(caption, svg);
  return box;
}
function charts(state) {
  return Object.entries(state.tracks).map(([name, track]) => {
    const target = (state.forecast ? state.forecast.targets : []).find(t => t.quantity === name);
    const due = target && target.values.length && state.forecast.times_ms.slice(-1)[0] > track.times_ms.slice(-1)[0];
    return [name, track, due ? { times: state.forecast.times_ms, values: target.values } : { times: [], values: [] }];
  });
}

function bar(name, p, used) {
  const row = made("li"), track = made("span", undefined, "bar"), fill = made("span");
  fill.style.width = `${100 * p}%`;
  track.append(fill);
  row.append(made("span", name, used ? "used" : ""), track, made("span", percent(p), "n"));
  return row;
}
function voice(state) {
  const spotter = state.spotter;
  at("voice").hidden = at("voice-settings").hidden = !spotter;
  if (!spotter) return;
  const names = Object.keys(spotter.probabilities);
  say("heard-title", names.length ? `Probabilities of the sound ${length(spotter.seconds_ago)} ago` : "Probabilities");
  put("probabilities", [spotter.probabilities, spotter.on, spotter.off], () => names.length
    ? names.map(name => bar(name, spotter.probabilities[name], name === spotter.on || name === spotter.off))
    : [made("li", "no sound has stood out yet", "soft")]);
  put("words", state.words, words => words.map(heard => {
    const row = made("tr");
    row.append(made("td", clock(heard.time_ms)), made("td", heard.word), made("td", percent(heard.probability), "n"),
      made("td", heard.switched ? "yes" : "no"));
    return row;
  }));
}

function forecast(state) {
  const found = state.forecast;
  at("forecast").hidden = !found;
  if (!found) return;
  say("forecast-about", found.origin_ms
    ? `${found.model}, from ${clock(found.origin_ms)}; ${whole(found.made)} made; each is compared with what is measured later`
    : `${found.model} needs ${found.rows_needed} rows ${found.step_minutes} min apart; there are ${found.rows}`);
  at("forecast-table").hidden = !found.origin_ms;
  put("forecast-head", found.targets.map(t => [t.column, t.unit]), columns => {
    const row = made("tr");
    row.append(made("th", "for"));
    for (const [column] of columns) row.append(made("th", column, "n"), made("th", "mean error so far", "n"), made("th", "compared", "n"));
    row.querySelectorAll("th").forEach(cell => { cell.scope = "col"; });
    return [row];
  });
  put("forecast-body", found, () => found.targets[0].mae.map((_, step) => {
    const row = made("tr"), head = made("th", found.times_ms.length ? minute(found.times_ms[step]) : "");
    head.scope = "row";
    row.append(head);
    for (const target of found.targets) {
      const value = target.values[step], error = target.mae[step];
      row.append(made("td", value === undefined ? "–" : `${value.toFixed(2)} ${unit(target.unit)}`.trim(), "n"),
        made("td", error === null ? "–" : error.toFixed(3), "n"), made("td", whole(target.compared[step]), "n"));
    }
    return row;
  }));
}

function show(state) {
  csrf = state.csrf;
  say("node", state.node);
  document.title = `${state.node}: logging ${state.logging ? "on" : "off"}`;
  say("logging", `Logging ${state.logging ? "on" : "off"}`);
  at("logging").classList.toggle("on", state.logging);
  at("sink").hidden = !state.sink_problem;
  say("sink", state.sink_problem && `${state.sink_problem}; readings wait in the outbox`);
  put("figures", figures(state), list => list.map(figure));
  const tracks = charts(state);
  if (tracks.length) put("charts", tracks, list => list.map(one => chart(...one)));
  voice(state);
  forecast(state);
  if (!touched) for (const [name, value] of Object.entries(state.adjustable)) at(name).value = value;
  put("messages", state.messages, list => list.map(message => {
    const row = made("li");
    row.append(made("time", clock(message.time_ms)), made("span", message.text));
    return row;
  }));
  say("version", `motefit ${state.version}`);
}

async function follow() {
  try {
    const answer = await fetch("state", { signal: AbortSignal.timeout(LATE_MS) });
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    show(await answer.json());
    answered = Date.now();
    at("lost").hidden = true;
  } catch (error) {
    say("lost", `No answer from the node since ${clock(answered)} (${error.message}); trying again`);
    at("lost").hidden = false;
  }
  setTimeout(follow, PERIOD_MS);
}

at("settings").addEventListener("input", () => { touched = true; say("saved", ""); });
at("settings").addEventListener("submit", async event => {
  event.preventDefault();
  const changes = {};
  for (const input of at("settings").querySelectorAll("input")) changes[input.id] = Number(input.value);
  const saved = at("saved");
  try {
    const answer = await fetch("settings", {
      method: "POST", body: JSON.stringify(changes),
      headers: { "content-type": "application/json", "x-motefit-csrf": csrf },
    });
    const found = await answer.json();
    touched = touched && !answer.ok;
    saved.className = answer.ok ? "good" : "bad";
    saved.textContent = answer.ok ? `Applied at ${clock(Date.now())}` : found.error;
  } catch (error) {
    saved.className = "bad";
    saved.textContent = `Not applied: ${error.message}`;
  }
});
follow();
