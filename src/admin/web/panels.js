/* The tables and tiles. */

const TRANSPORTS = ["udp", "tcp", "tls", "ws", "wss"];
const past = new Map(); /* name -> [ms, count], ten seconds back at most */

/* Growth a second of a count that an answer gives, since about ten seconds ago. */
function risen(name, count) {
  const at = Date.now(), list = past.get(name) || [];
  list.push([at, count]);
  while (list.length > 2 && at - list[1][0] >= 10000) list.shift();
  past.set(name, list);
  const [then, n] = list[0];
  return list.length < 2 || count < n ? null : (count - n) * 1000 / (at - then);
}

function tile(name, label, value, note) {
  const t = el("div", "tile " + name, [el("div", "label", label), el("div", "value", value), el("div", "note", note || "")]);
  t.dataset.tile = name.split(" ")[0];
  return t;
}

function drawTiles() {
  const into = growth("registers_in", 10), out = growth("registers_out", 10);
  const absorbed = growth("absorbed", 60), all = growth("registers_in", 60);
  const total = now("registers_in") ? now("absorbed") / now("registers_in") : null;
  const refused = growth("refused", 10);
  fill("tiles",
    tile("in", "REGISTERs in", perSecond(into), number(now("registers_in")) + " since the start"),
    tile("out", "REGISTERs out", perSecond(out), number(now("registers_out")) + " since the start"),
    tile("absorbed good", "Absorbed, last minute", all ? percent(absorbed / all) : "–", percent(total) + " since the start"),
    tile("devices", "Devices registered", number(now("bindings")), "on " + number(now("lines")) + " lines"),
    tile("calls", "Calls ringing", number(now("ringing")), number(now("calls")) + " since the start"),
    tile(refused > 0 ? "refused bad" : "refused", "Refused", perSecond(refused), number(now("refused")) + " since the start"));
  const sent = growth("registers_out", 600), came = growth("registers_in", 600);
  fill("saved", sent > 0 && came > 1.5 * sent ? `upstream hears 1 for every ${rate(came / sent)}` : "");
}

function drawStatus(s) {
  const ready = document.getElementById("ready");
  ready.textContent = s.ready ? "ready" : s.not_ready_reason || "not ready";
  ready.className = "pill " + (s.ready ? "good" : "warn");
  fill("about", `${s.version} · up ${span(s.uptime_seconds)} · ${s.workers} worker${s.workers === 1 ? "" : "s"}`);
  drawRefusals(s.totals);
}

function table(heads, rows, empty) {
  if (!rows.length) return el("div", "empty", empty);
  const head = el("tr", "", heads.map(h => el("th", h.startsWith("#") ? "num" : "", h.replace("#", ""))));
  const body = rows.map(cells => el("tr", "", cells.map((c, i) =>
    c instanceof HTMLTableCellElement ? c : el("td", heads[i].startsWith("#") ? "num" : i ? "" : "name", c))));
  return el("table", "", [el("thead", "", head), el("tbody", "", body)]);
}

function gauge(part, whole, name) {
  const fillBar = el("i");
  fillBar.style.width = Math.min(100, whole > 0 ? 100 * part / whole : 0) + "%";
  return el("div", "bar gauge " + (name || ""), fillBar);
}

function drawAlarms(answer) {
  const list = answer.alarms.map(a => el("div", "alarm", [el("b", "", a.code),
    `${a.upstream || a.line || ""}, since ${ago(a.since).replace(" ago", "")}. ${a.message}`]));
  fill("alarms", ...list);
  document.getElementById("alarms").hidden = !list.length;
}

const STATES = { up: "good", down: "bad" };

function upstreamNote(u) {
  const parts = [];
  if (u.pause_s) parts.push(`asked for a pause of ${span(u.pause_s)}`);
  if (u.resync_left) parts.push(`${number(u.resync_left)} lines to register again, about ${span(u.resync_ends_in_s)}`);
  if (u.waiting) parts.push(`${number(u.waiting)} wait for their turn`);
  if (u.outages) parts.push(`${number(u.outages)} outage${u.outages === 1 ? "" : "s"}`);
  return parts.join("; ");
}

function drawUpstreams(answer) {
  const rows = answer.upstreams.map(u => {
    const sent = risen("sent " + u.name, u.sent);
    return [u.name, el("span", "pill " + (STATES[u.state] || "warn"), u.state), "for " + ago(u.since).replace(" ago", ""),
      perSecond(sent), gauge(sent || 0, u.register_rate), `${number(u.ceiling)} of ${number(u.register_rate)}/s`,
      number(u.waiting), u.probes_answered ? u.probe_round_trip_ms + " ms" : "–", el("span", "muted", upstreamNote(u))];
  });
  fill("upstreams", table(["Name", "State", "", "#Sent", "Pace used", "#Ceiling", "#Waiting", "#Probe", ""], rows, "No upstream yet."));
}

function transportBar(bindings) {
  const all = Object.values(bindings).reduce((a, b) => a + b, 0);
  return el("div", "bar", TRANSPORTS.filter(t => bindings[t]).map(t => {
    const part = el("i", "t-" + t);
    part.style.width = 100 * bindings[t] / all + "%";
    part.title = `${t}: ${number(bindings[t])}`;
    return part;
  }));
}

function drawDomains(domains, savings) {
  const byName = new Map(savings.domains.map(d => [d.domain, d]));
  for (const d of domains.domains) byName.set(d.domain, Object.assign({}, byName.get(d.domain), d));
  const list = [...byName.values()].sort((a, b) => (b.lines || 0) - (a.lines || 0)).slice(0, 50);
  const used = new Set();
  const rows = list.map(d => {
    const bindings = d.bindings || {};
    Object.keys(bindings).forEach(t => used.add(t));
    const into = risen("in " + d.domain, d.in || 0), out = risen("out " + d.domain, d.out || 0);
    return [d.domain || "all others", d.upstream || "–", number(d.lines || 0),
      number(Object.values(bindings).reduce((a, b) => a + b, 0)), transportBar(bindings),
      perSecond(into), perSecond(out), percent(d.absorbed_share), gauge(d.absorbed_share || 0, 1, "good")];
  });
  fill("domains", table(["Domain", "Upstream", "#Lines", "#Devices", "By transport", "#In", "#Out", "#Absorbed", ""], rows,
    "Nothing has registered yet."));
  fill("transports", ...TRANSPORTS.filter(t => used.has(t)).map(t => el("span", "", [el("i", "t-" + t), t.toUpperCase()])));
}

/* Decisions on REGISTERs that are refusals, be it ours or upstream's. */
const REFUSALS = ["bad-aor", "foreign-domain", "source-not-allowed", "bad-extension", "path-not-supported",
  "first-hop-lacks-outbound", "contact-is-gruu", "bad-star", "bad-contact", "too-brief", "line-full",
  "too-many-contacts", "stale-cseq", "loop", "too-many-hops", "queue-full", "held-too-long", "upstream-down",
  "paced", "overloaded", "refused-lately", "no-egress", "no-memory", "store-failed", "bad-credentials", "other-user",
  "refused-upstream", "upstream-timeout", "upstream-error", "credentials-refused"];

function drawRefusals(totals) {
  const rows = [];
  const add = (kind, reason, n) => { if (n) rows.push([reason, kind, risen(kind + reason, n), n]); };
  for (const [reason, n] of Object.entries(totals.requests_refused_total || {})) add("request", reason, n);
  for (const reason of REFUSALS) add("REGISTER", reason, (totals.register_decisions_total || {})[reason]);
  for (const [reason, n] of Object.entries(totals.packets_dropped_total || {})) add("dropped", reason, n);
  rows.sort((a, b) => (b[2] || 0) - (a[2] || 0) || b[3] - a[3]);
  fill("refusals", table(["Reason", "What", "#Now", "#Since start"],
    rows.slice(0, 7).map(([reason, kind, per_s, n]) => [reason, el("span", "muted", kind), perSecond(per_s || 0), number(n)]),
    "Nothing was refused."));
}

function drawSources(answer) {
  const most = answer.loudest.length ? answer.loudest[0].requests_per_second : 0;
  fill("loud-span", `requests, last ${span(answer.seconds)}`);
  fill("loudest", table(["Source", "", "#Requests"], answer.loudest.slice(0, 7).map(s =>
    [s.source + (s.upstream ? " (upstream)" : ""), gauge(s.requests_per_second, most), perSecond(s.requests_per_second)]),
    "Nothing was heard lately."));
  const longest = answer.slowest.length ? answer.slowest[0].seconds : 0;
  fill("slowest", table(["Source", "", "#Waited"], answer.slowest.slice(0, 7).map(s =>
    [s.source, gauge(s.seconds, longest), wait(s.seconds)]),
    "No REGISTER had to go further than here lately."));
}
