/* The figures over time: what the server remembers of the last hour, and what comes while the page
   is open. */

const KEPT_MS = 3600e3, FINE_MS = 600e3;
const SPANS = [[300, "5 min"], [900, "15 min"], [3600, "1 h"]];
const timeline = { figures: [], samples: [], span: 900 };
const charts = [];

function figure(sample, name) {
  return sample[timeline.figures.indexOf(name)];
}

/* Each moment once, in order: the server's samples at first and after a pause, then only the one of
   now, for two that are close give a bad rate. What is older than ten minutes is kept every ten
   seconds, so an hour has some hundred points. */
function keepSamples(answer) {
  timeline.figures = answer.figures;
  const list = timeline.samples, given = answer.samples, newestGiven = given[given.length - 1];
  const isInStep = list.length && newestGiven[0] - list[list.length - 1][0] < 15e3;
  const fresh = (isInStep ? [newestGiven] : given).filter(s => !timeline.samples.some(o => o[0] === s[0]));
  const all = timeline.samples.concat(fresh).sort((a, b) => a[0] - b[0]);
  const newest = all[all.length - 1][0];
  let last = -Infinity;
  timeline.samples = all.filter(s => {
    const coarse = s[0] < newest - FINE_MS;
    if (s[0] < newest - KEPT_MS || (coarse && s[0] - last < 9000)) return false;
    last = s[0];
    return true;
  });
}

/* A count's growth a second over the last so many seconds; null: not known. */
function growth(name, seconds) {
  const list = timeline.samples, now = list[list.length - 1];
  if (list.length < 2) return null;
  let then = list[list.length - 2];
  for (let i = list.length - 2; i >= 0 && now[0] - then[0] < seconds * 1000; i--) then = list[i];
  const n = figure(now, name) - figure(then, name);
  return n < 0 || now[0] <= then[0] ? null : n * 1000 / (now[0] - then[0]);
}

function now(name) {
  const list = timeline.samples;
  return list.length ? figure(list[list.length - 1], name) : null;
}

/* Points are so far apart that a chart has 125 to 250 of them, at places that stay. */
function thinned() {
  const list = timeline.samples, newest = list[list.length - 1][0];
  const shown = list.filter(s => s[0] >= newest - timeline.span * 1000);
  let least = 1900;
  while (least * 250 < newest - shown[0][0]) least *= 2;
  const out = [];
  let last = null;
  for (const s of shown) {
    const place = Math.floor(s[0] / least);
    if (place !== last) out.push(s);
    last = place;
  }
  return out;
}

/* [times, a list for each series]; {name, isCount}: of counts the growth a second. */
function columns(series) {
  const list = thinned(), first = series.some(s => s.isCount) ? 1 : 0;
  const times = list.slice(first).map(s => s[0] / 1000);
  return [times].concat(series.map(one => list.slice(first).map((s, i) => {
    const value = figure(s, one.name);
    if (!one.isCount) return value;
    const n = value - figure(list[i + first - 1], one.name), ms = s[0] - list[i + first - 1][0];
    return n < 0 || ms > 60e3 ? null : n * 1000 / ms;
  })));
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axis(extra) {
  return Object.assign({
    stroke: colour("--muted"), font: "11px system-ui, sans-serif", ticks: { show: false },
    grid: { stroke: colour("--edge"), width: 1 },
  }, extra);
}

/* All that there is, a minute at least, and not more than was asked for. */
function timeRange(u) {
  const times = u.data[0], last = times.length ? times[times.length - 1] : Date.now() / 1000;
  return [Math.min(last - 60, Math.max(times.length ? times[0] : last, last - timeline.span)), last];
}

function chartOptions(box, series) {
  return {
    width: box.clientWidth, height: box.clientHeight - 26,
    cursor: { y: false, points: { size: 6 } }, padding: [8, 16, 0, 0],
    scales: { x: { range: timeRange },
              y: { range: (u, min, max) => [0, Math.max(max * 1.1, 1)] } },
    axes: [axis({ space: 70, values: (u, list) => list.map(t => new Date(t * 1000).toTimeString().slice(0, t % 60 ? 8 : 5)),
                  incrs: [30, 60, 120, 300, 600, 900], size: 24 }),
           axis({ size: 52, space: 30, values: (u, list) => list.map(n => number(n)) })],
    series: [{ value: (u, t) => t ? new Date(t * 1000).toTimeString().slice(0, 8) : "–", label: "at" }].concat(
      series.map(s => ({
        label: s.label, stroke: colour(s.colour), width: 1.75, fill: s.fill && colour(s.fill),
        points: { show: false }, value: (u, n) => s.isCount ? rate(n) : number(n), spanGaps: false,
      }))),
  };
}

function addChart(id, series) {
  charts.push({ box: document.getElementById(id), series, plot: null });
}

function drawCharts() {
  if (timeline.samples.length < 2) return;
  for (const c of charts) {
    const data = columns(c.series);
    if (c.plot)
      c.plot.setData(data);
    else
      c.plot = new uPlot(chartOptions(c.box, c.series), data, c.box);
  }
}

/* After a change of colours or of the span. */
function renewCharts() {
  for (const c of charts) {
    if (c.plot) c.plot.destroy();
    c.plot = null;
  }
  drawCharts();
}

function resizeCharts() {
  for (const c of charts)
    if (c.plot && c.box.clientWidth) c.plot.setSize({ width: c.box.clientWidth, height: c.box.clientHeight - 26 });
}

function drawSpans() {
  fill("spans", ...SPANS.map(([seconds, label]) => {
    const b = el("button", "", label);
    b.type = "button";
    b.setAttribute("aria-pressed", seconds === timeline.span);
    b.addEventListener("click", () => { timeline.span = seconds; drawSpans(); renewCharts(); });
    return b;
  }));
}

function startCharts() {
  addChart("chart-registers", [
    { name: "registers_in", label: "in, from devices", colour: "--in", fill: "--in-fill", isCount: true },
    { name: "registers_out", label: "out, to upstream", colour: "--out", fill: "--out-fill", isCount: true }]);
  addChart("chart-bindings", [
    { name: "bindings", label: "devices", colour: "--in", fill: "--in-fill" },
    { name: "lines", label: "lines", colour: "--t1" }]);
  addChart("chart-calls", [
    { name: "calls", label: "ended a second", colour: "--t2", isCount: true },
    { name: "ringing", label: "ringing", colour: "--in", fill: "--in-fill" }]);
  addChart("chart-trouble", [
    { name: "waiting", label: "waiting for upstream", colour: "--t3" },
    { name: "refused", label: "refused a second", colour: "--bad", isCount: true }]);
  drawSpans();
  new ResizeObserver(resizeCharts).observe(document.querySelector("main"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", renewCharts);
}
