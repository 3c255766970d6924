/* Searching for a line, and showing one. */

const shown = { aor: null };
const LINE_STATES = { registered: "good", live: "good", grace: "warn" };

async function ask(path) {
  const answer = await fetch(path, { cache: "no-store", credentials: "same-origin" });
  const body = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.error ? body.error.message : answer.status), { status: answer.status });
  return body;
}

function device(b) {
  const state = el("span", "pill " + (LINE_STATES[b.state] || "bad"), b.state);
  const out = [el("div", "", [el("b", "", b.user_agent || "A device that does not say what it is"), " ", state]),
    el("p", "", `By ${b.transport.toUpperCase()} from ${b.source || "?"}, registered ${ago(b.since)}; ` +
      (b.expires_in > 0 ? `its refresh is due within ${span(b.expires_in)} of ${span(b.granted)}.`
        : `its time was over ${span(-b.expires_in)} ago.`)),
    el("p", "", proof(b.proof)), el("p", "mono muted", b.contact)];
  if (b.pending) out.push(el("p", "", "A change of it is being written."));
  if (b.q !== null) out.push(el("p", "", `Preference (q): ${b.q}`));
  return el("div", "device", out);
}

function decision(d) {
  const when = d.times > 1 ? `${number(d.times)} times, last ${ago(d.last)}` : ago(d.last);
  const text = [el("div", "", [el("b", "", d.reason), " ", d.meaning])];
  const sentence = figures(d) + (d.source ? ` From ${d.source}.` : "");
  if (sentence) text.push(el("div", "muted", sentence));
  return el("li", "", [el("span", "muted", when), el("div", "", text)]);
}

function drawLine(a) {
  const live = a.bindings.length;
  fill("line",
    el("div", "head", [el("h2", "", a.aor), el("span", "pill " + (LINE_STATES[a.state] || ""), a.state),
      el("span", "muted", `domain ${a.domain}, upstream ${a.upstream || "–"}`), closeButton()]),
    el("h3", "", live ? `${live} device${live === 1 ? "" : "s"}` : "No device"),
    el("div", "cards", a.bindings.map(device)),
    el("h3", "", "Upstream"),
    ...(a.registrations.length ? a.registrations.map(r => el("div", "", registration(r))) :
      [el("div", "muted", "Nothing stands upstream.")]),
    el("h3", "", "Why it was treated so"),
    a.decisions.length ? el("ol", "trail", a.decisions.map(decision)) :
      el("div", "muted", "No decision is remembered; each worker keeps the last ones of some ten thousand lines."));
  document.getElementById("line").hidden = false;
}

function closeButton() {
  const close = el("button", "plain", "Close");
  close.type = "button";
  close.addEventListener("click", closeLine);
  return close;
}

/* Of a line that has no record: it was never accepted, but may have been refused. */
async function drawUnknown(aor, message) {
  let decisions = [];
  try {
    decisions = (await ask("/api/v1/why/" + encodeURIComponent(aor))).decisions;
  } catch (e) { /* it is no address of record, which the message says */ }
  if (shown.aor !== aor) return;
  fill("line", el("div", "head", [el("h2", "", aor), el("span", "muted", message), closeButton()]),
    ...(decisions.length ? [el("h3", "", "Why it was treated so"), el("ol", "trail", decisions.map(decision))] : []));
  document.getElementById("line").hidden = false;
}

async function refreshLine() {
  const aor = shown.aor;
  if (!aor) return;
  try {
    const answer = await ask("/api/v1/aors/" + encodeURIComponent(aor));
    if (shown.aor === aor) drawLine(answer);
  } catch (e) {
    if (!e.status) throw e;
    await drawUnknown(aor, e.message);
  }
}

function openLine(aor) {
  shown.aor = aor;
  location.hash = encodeURIComponent(aor);
  document.getElementById("aor").value = aor;
  hideFound();
  refreshLine().catch(() => {}); /* the next turn tries it again, and says so */
}

function closeLine() {
  shown.aor = null;
  window.history.replaceState(null, "", location.pathname);
  document.getElementById("line").hidden = true;
}

function hideFound() {
  document.getElementById("found").hidden = true;
}

async function suggest() {
  const text = document.getElementById("aor").value.trim();
  if (!text) return hideFound();
  let answer;
  try {
    answer = await ask(`/api/v1/aors?limit=8&q=${encodeURIComponent(text)}`);
  } catch (e) {
    return hideFound();
  }
  if (document.getElementById("aor").value.trim() !== text) return;
  fill("found", ...answer.aors.map(a => {
    const b = el("button", "", [el("span", "", a.aor), el("span", "muted", `${a.bindings.length} · ${a.state}`)]);
    b.type = "button";
    b.addEventListener("click", () => openLine(a.aor));
    return el("li", "", b);
  }));
  document.getElementById("found").hidden = !answer.aors.length;
}

function startSearch() {
  const input = document.getElementById("aor");
  let timer = 0;
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(suggest, 200); });
  input.addEventListener("keydown", e => { if (e.key === "Escape") hideFound(); });
  document.addEventListener("click", e => { if (!document.getElementById("search").contains(e.target)) hideFound(); });
  document.getElementById("search").addEventListener("submit", e => {
    e.preventDefault();
    if (input.value.trim()) openLine(input.value.trim());
  });
  const fromHash = () => {
    let aor = "";
    try { aor = decodeURIComponent(location.hash.slice(1)); } catch (e) { return; }
    if (aor && aor !== shown.aor) openLine(aor);
  };
  window.addEventListener("hashchange", fromHash);
  fromHash();
}
