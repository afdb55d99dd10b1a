// What JavaScript adds to the page: answers in place, and traces that update themselves. Every link works without it.
// Only the server's own, escaped fragment becomes HTML here, never the content of an answer.
"use strict";

const live = document.getElementById("live");
const REFRESH_MS = 1000; // minimum interval of refreshes, however busy the service is
const RETRY_MS = 5000; // after an answer that makes EventSource give up, such as a 503
const FOCUSABLE = "summary, a, pre";

// --- Traces to reveal, perhaps before they arrive

const awaited = new Set();

function reveal(id) {
  const target = document.getElementById(id);
  if (!target) return void awaited.add(id);
  awaited.delete(id);
  for (let d = target; d; d = d.parentElement.closest("details")) d.open = true;
  if (location.hash === `#${id}`) target.scrollIntoView({ block: "nearest" });
}

const revealHash = () => /^#(trace|span)-[-0-9a-f]+$/.test(location.hash) && reveal(location.hash.slice(1));

// --- Trying an endpoint

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function tryEndpoint(link) {
  const line = link.parentElement.querySelector(".answer");
  const body = link.parentElement.querySelector(".answer-body");
  line.textContent = "Waiting for the answer…";
  const start = performance.now();
  try {
    const response = await fetch(link.href, { headers: { Accept: "application/json" }, cache: "no-store" });
    body.textContent = pretty(await response.text());
    body.hidden = false;
    line.textContent = `${response.status} ${response.statusText} in ${Math.round(performance.now() - start)} ms`;
    // traceresponse (W3C): version-traceid-spanid-flags
    const traceId = response.headers.get("traceresponse")?.split("-")[1];
    if (!traceId) return;
    const trace = document.createElement(live.dataset.stream ? "a" : "code"); // the server may keep no traces
    if (live.dataset.stream) trace.href = `#trace-${traceId}`;
    trace.textContent = `trace ${traceId}`;
    line.append(", ", trace);
    reveal(`trace-${traceId}`);
  } catch (error) {
    line.textContent = `No answer: ${error.message}`;
    body.hidden = true;
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (link.hash && link.hash === location.hash) revealHash(); // the same fragment again fires no hashchange
  if (!link.classList.contains("try")) return;
  event.preventDefault();
  tryEndpoint(link);
});
addEventListener("hashchange", revealHash);
revealHash();

// --- Following the service

// Replaces only the entries that changed: the others keep what is open, focused, selected or scrolled to.
function updateList(list, fresh) {
  list.previousElementSibling.replaceWith(fresh.previousElementSibling); // the number of traces
  const old = new Map([...list.children].map((item) => [item.firstElementChild.id, item]));
  [...fresh.children].forEach((item, index) => {
    const kept = old.get(item.firstElementChild.id);
    old.delete(item.firstElementChild.id);
    item.firstElementChild.open = false; // an arriving trace that is open would push the others away
    for (const { id } of kept?.querySelectorAll("details[open]") ?? []) {
      item.querySelector(`[id="${id}"]`)?.setAttribute("open", "");
    }
    item.classList.toggle("arrived", !kept);
    const shown = kept?.firstElementChild.isEqualNode(item.firstElementChild) ? kept : item;
    if (shown !== kept) kept?.replaceWith(item);
    if (list.children[index] !== shown) list.insertBefore(shown, list.children[index] ?? null);
  });
  for (const gone of old.values()) gone.remove();
}

async function refresh() {
  const response = await fetch(live.dataset.fragment, { cache: "no-store" });
  if (!response.ok) return;
  const template = document.createElement("template");
  template.innerHTML = await response.text();
  const focused = document.activeElement;
  const host = focused.closest("#live details");
  const place = host && [...host.querySelectorAll(FOCUSABLE)].indexOf(focused);
  const top = host?.getBoundingClientRect().top;
  for (const fresh of [...template.content.children]) {
    const section = document.getElementById(fresh.id);
    const [list, freshList] = [section, fresh].map((element) => element.querySelector(".trace-list"));
    if (list && freshList) updateList(list, freshList);
    else section.replaceWith(fresh);
  }
  const shown = host && document.getElementById(host.id);
  if (shown && !focused.isConnected) shown.querySelectorAll(FOCUSABLE)[place]?.focus({ preventScroll: true });
  if (shown) scrollBy(0, shown.getBoundingClientRect().top - top); // what the user reads stays where it is
  for (const id of [...awaited]) reveal(id);
}

function follow(controls) {
  const [state, button] = controls.children;
  let source, retry, timer, stale, paused = false, last = 0;
  const show = (text) => { controls.dataset.state = state.textContent = text; };
  const schedule = () => {
    stale = true;
    timer ??= setTimeout(async () => {
      [stale, last] = [false, Date.now()];
      if (!paused) await refresh().catch(() => {}); // if the service is down, the stream reconnects and schedules again
      timer = undefined;
      if (stale) schedule();
    }, Math.max(0, last + REFRESH_MS - Date.now()));
  };
  const sync = () => {
    clearTimeout(retry);
    source?.close();
    show(paused ? "paused" : "connecting");
    if (paused || document.hidden) return;
    source = new EventSource(live.dataset.stream);
    source.onopen = () => { show("live"); schedule(); };
    source.addEventListener("traces", schedule);
    source.onerror = () => {
      show("reconnecting");
      if (source.readyState === EventSource.CLOSED) retry = setTimeout(sync, RETRY_MS);
    };
  };
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Resume" : "Pause";
    sync();
  });
  document.addEventListener("visibilitychange", sync);
  controls.hidden = false;
  sync();
}

if (live?.dataset.stream) follow(document.getElementById("live-controls"));
