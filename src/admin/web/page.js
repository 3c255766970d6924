/* What asks, and how often: one round at a time, every two seconds while the page is seen. */

const EVERY_MS = 2000, SLOW_ROUNDS = 2;
let rounds = 0;

function say(text, mood) {
  const live = document.getElementById("live");
  live.textContent = text;
  live.className = "muted " + mood;
}

async function askHistory() {
  const list = timeline.samples;
  const since = list.length ? Math.floor(list[list.length - 1][0] / 1000) - 15 : 0;
  keepSamples(await ask("/api/v1/history?since=" + since));
  drawTiles();
  drawCharts();
}

async function askTables() {
  const [status, alarms, upstreams, domains, savings, sources] = await Promise.all(
    ["status", "alarms", "upstreams", "domains", "savings", "sources"].map(name => ask("/api/v1/" + name)));
  drawStatus(status);
  drawAlarms(alarms);
  drawUpstreams(upstreams);
  drawDomains(domains, savings);
  drawSources(sources);
}

async function turn() {
  try {
    if (!document.hidden) {
      await askHistory();
      if (rounds++ % SLOW_ROUNDS === 0) await askTables();
      await refreshLine();
      say("live", "good");
    }
  } catch (e) {
    say(e.status ? `refused: ${e.message}` : "no answer", "bad");
  }
  setTimeout(turn, EVERY_MS);
}

startCharts();
startSearch();
turn();
