"use strict";
/* Numbers, times and decisions in words. What comes from the network is put into the page as text
   only: el() has no way to make markup of it. */

function el(tag, name, content) {
  const e = document.createElement(tag);
  if (name) e.className = name;
  for (const part of content === undefined || content === null ? [] : [content].flat())
    e.append(part instanceof Node ? part : String(part));
  return e;
}

function fill(id, ...children) {
  document.getElementById(id).replaceChildren(...children);
}

function number(n) {
  if (n === null || n === undefined || !isFinite(n)) return "–";
  if (Math.abs(n) >= 1e6) return (n / 1e6).toFixed(n >= 1e7 ? 1 : 2) + " M";
  if (Math.abs(n) >= 1e4) return Math.round(n).toLocaleString("en-US");
  return Number.isInteger(n) || Math.abs(n) >= 100 ? Math.round(n).toLocaleString("en-US") : n.toFixed(1);
}

function rate(n) {
  if (n === null || n === undefined || !isFinite(n)) return "–";
  return n !== 0 && Math.abs(n) < 0.95 ? n.toFixed(2) : number(n);
}

function perSecond(n) {
  return rate(n) === "–" ? "–" : rate(n) + "/s";
}

function percent(share) {
  if (share === null || share === undefined || !isFinite(share)) return "–";
  const p = share * 100;
  return (p >= 99 && p < 100 ? Math.floor(p * 100) / 100 : Math.round(p * 10) / 10) + " %";
}

/* A length of time: 54 s, 3 min 20 s, 2 h 5 min, 4 d 3 h. */
function span(s) {
  s = Math.max(0, Math.round(s));
  const pair = (a, x, b, y) => `${a} ${x}` + (b ? ` ${b} ${y}` : "");
  if (s < 60) return `${s} s`;
  if (s < 3600) return pair(Math.floor(s / 60), "min", s < 600 ? s % 60 : 0, "s");
  if (s < 86400) return pair(Math.floor(s / 3600), "h", Math.floor(s % 3600 / 60), "min");
  return pair(Math.floor(s / 86400), "d", Math.floor(s % 86400 / 3600), "h");
}

/* A short one: 45 ms, 1.4 s. */
function wait(s) {
  return s < 1 ? Math.round(s * 1000) + " ms" : s < 10 ? s.toFixed(1) + " s" : span(s);
}

function ago(wall) {
  const s = Date.now() / 1000 - wall;
  return s < 1.5 ? "just now" : span(s) + " ago";
}

function ahead(s, over) {
  return s >= 0 ? "in " + span(s) : `${over} ${span(-s)} ago`;
}

/* One decision's figures as a sentence. */
function figures(d) {
  const parts = [];
  if (d.status) parts.push(`answered ${d.status}`);
  if (d.granted !== null && d.granted > 0) parts.push(`the device was given ${span(d.granted)}`);
  if (d.upstream_expires_in !== null)
    parts.push(d.upstream_expires_in > 0 ? `upstream held it for another ${span(d.upstream_expires_in)}`
      : "upstream held it no more");
  if (d.refresh_in !== null)
    parts.push(d.refresh_in > 0 ? `a refresh there was due in ${span(d.refresh_in)}` : "a refresh there was due");
  if (d.proof_age !== null) parts.push(`its proof was ${span(d.proof_age)} old`);
  if (!parts.length) return "";
  const text = parts.join("; ");
  return text[0].toUpperCase() + text.slice(1) + ".";
}

const PROOFS = {
  "none": "Not proven: its next REGISTER goes upstream",
  "upstream": "Upstream has checked its password",
  "upstream-unchallenged": "Upstream took it without a password",
  "trusted": "Let in by its network",
  "digest": "It has proven its password here",
};

function proof(p) {
  let text = PROOFS[p.kind] || p.kind;
  if (p.age !== null) text += `, ${span(p.age)} ago`;
  if (p.due_in !== null)
    text += p.due_in > 0 ? `; it must do so again in ${span(p.due_in)}` : "; it must do so again with its next refresh";
  return text + ".";
}

function registration(r) {
  if (r.state === "ended") return "Nothing stands upstream; the line is remembered.";
  const until = r.expires_in > 0 ? `Upstream holds it for another ${span(r.expires_in)}` + (r.server ? ` at ${r.server}` : "") :
    "Upstream holds it no more";
  if (r.state === "leaving") return until + "; its removal is due.";
  if (r.state === "orphan") return until + "; it could not be removed there and runs out.";
  if (r.refresh_in === null) return until + ".";
  return until + "; " + (r.refreshed_by_us ? "we refresh it " : "a device's REGISTER goes upstream ") +
    (r.refresh_in > 0 ? "in " + span(r.refresh_in) : "as soon as it comes") + ".";
}
