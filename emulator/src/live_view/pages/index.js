import { age, at, element, follow, reason, show, showState, stateOf } from "./live.js";

// The session pages link back here; they do not know this address by themselves.
sessionStorage.setItem("sessions", location.pathname);

const rows = new Map();

function row(session) {
  const line = element("tr");
  const task = element("th");
  task.scope = "row";
  // A session of Raccoon has no page.
  const link = element(session.path ? "a" : "b");
  if (session.path) link.href = session.path;
  const latest = element("span", "latest-step quiet");
  const place = element("span", "place quiet");
  const world = element("span", "world quiet");
  task.append(link, latest, place, world, element("code", "quiet", session.session_id));
  const state = element("td");
  const status = element("span", "status");
  state.append(status);
  const time = element("td", "age");
  const agent = element("td", "agent");
  line.append(task, state, agent, time);
  return { line, link, latest, place, world, status, agent, time, created: session.created_at };
}

function take({ total, sessions, worlds }) {
  show(at("total"), String(total));
  at("empty").hidden = total > 0;
  at("table").hidden = total === 0;
  show(at("more"), total > sessions.length ? `The newest ${sessions.length} are listed.` : "");
  const present = new Set(sessions.map((session) => session.session_id));
  for (const [id, { line }] of rows) {
    if (present.has(id)) continue;
    line.remove();
    rows.delete(id);
  }
  const body = at("sessions");
  sessions.forEach((session, place) => {
    const known = rows.get(session.session_id) ?? row(session);
    rows.set(session.session_id, known);
    show(known.link, session.task || "No task yet");
    show(known.latest, session.latest ?? "");
    show(known.place, session.place ?? "");
    // In one world alone there is nothing to tell apart.
    show(known.world, worlds.total > 1 ? session.world : "");
    show(known.agent, session.agent_name);
    showState(known.status, stateOf(session));
    // Only what is out of place is moved: a focused link stays focused.
    if (body.children[place] !== known.line) body.insertBefore(known.line, body.children[place] ?? null);
  });
  ages();
  const world = choose(worlds);
  faults(world.faults);
  refresh("requests", world, showRequests);
  refresh("webhooks", world, showWebhooks);
}

function ages() {
  for (const { time, created } of rows.values()) show(time, age(created));
}

/** What was fetched of each list, and whether a fetch is under way. */
const fetched = { requests: {}, webhooks: {} };

/** Fetches a list where it changed, one fetch at a time. */
async function refresh(name, { number, versions }, showList) {
  const state = fetched[name];
  state.wanted = `${number} ${versions[name]}`;
  state.world = number;
  if (state.busy || state.version === state.wanted) return;
  state.busy = true;
  try {
    while (state.version !== state.wanted) {
      const { wanted, world } = state;
      const answer = await fetch(`${name}?world=${world}`);
      if (!answer.ok) return;
      const list = await answer.json();
      // Another world may have been chosen meanwhile.
      if (world === state.world) showList(list, world);
      state.version = wanted;
    }
  } catch {
    // The feed says that the emulator is gone.
  } finally {
    state.busy = false;
  }
}

const clock = (time) => {
  const shown = element("time", "", new Date(time).toLocaleTimeString([], { hour12: false }));
  shown.dateTime = time;
  shown.title = time;
  return shown;
};

/** The lines of each list by their key, with what they were made of. */
const lines = { requests: new Map(), webhooks: new Map() };

/**
 * Shows a list. A line that says the same stays the element that it is: what a person opened, selected or scrolled in it
 * stays, too.
 */
function arrange(name, entries) {
  const list = at(name);
  const hadFocus = list.contains(document.activeElement);
  const known = lines[name];
  const now = new Map();
  for (const { key, made, make } of entries) {
    const old = known.get(key);
    if (old?.made === made) {
      now.set(key, old);
      continue;
    }
    const line = make();
    const details = line.querySelector("details");
    if (details && old?.line.querySelector("details")?.open) details.open = true;
    now.set(key, { made, line });
  }
  const kept = new Set([...now.values()].map(({ line }) => line));
  for (const line of [...list.children]) if (!kept.has(line)) line.remove();
  [...kept].forEach((line, place) => {
    if (list.children[place] !== line) list.insertBefore(line, list.children[place] ?? null);
  });
  lines[name] = now;
  // What had it is gone, and the next key would start at the top of the page.
  if (hadFocus && !list.contains(document.activeElement)) list.focus();
}

function showRequests(requests, world) {
  show(at("request-count"), String(requests.length));
  at("no-requests").hidden = requests.length > 0;
  arrange(
    "requests",
    requests.map((request) => ({
      key: `${world} ${request.number}`,
      made: JSON.stringify(request),
      make: () => requestLine(request),
    })),
  );
}

function requestLine({ method, path, query, status, unanswered, at: time, body, headers, cut }) {
  const line = element("li", "row");
  const details = element("details");
  const summary = element("summary");
  const shown = status === null ? (unanswered ?? "open") : String(status);
  const bad = status === null ? unanswered !== null : status >= 400;
  const code = element("span", `code ${bad ? "bad" : ""}`, shown);
  if (unanswered) code.title = unanswered === "reset" ? "A fault reset the connection" : "The client left before the answer";
  summary.append(clock(time), code, element("span", "what", `${method} ${path}${query ? `?${query}` : ""}`));
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  details.append(summary, element("pre", "", pretty(body) + (cut ? "\n(cut)" : "") || "(no body)"));
  details.append(element("pre", "quiet", head.join("\n")));
  line.append(details);
  return line;
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

const outcomes = {
  webhook_delivered: "delivered",
  webhook_retry: "will be tried again",
  webhook_failed_permanently: "given up",
  webhook_notification_error: "not sent",
};

function showWebhooks(attempts, world) {
  show(at("webhook-count"), String(attempts.length));
  at("no-webhooks").hidden = attempts.length > 0;
  const seen = new Map();
  const entries = attempts.toReversed().map((attempt) => {
    const made = JSON.stringify(attempt);
    const count = (seen.get(made) ?? 0) + 1;
    seen.set(made, count);
    return { key: `${world} ${count} ${made}`, made, make: () => webhookLine(attempt, world) };
  });
  arrange("webhooks", entries.reverse());
}

function webhookLine({ event, outcome, status, error, session_id: session, attempt, at: time }, world) {
  const line = element("li", "row flat");
  const bad = outcome !== "webhook_delivered";
  const words = element("span", "what");
  words.append(element("b", "", event), ` ${outcomes[outcome] ?? outcome}, attempt ${attempt}`);
  if (error) words.append(`: ${error}`);
  words.append(element("code", "quiet", session));
  const again = element("button", "small", "Send again");
  again.type = "button";
  again.setAttribute("aria-label", `Send again: ${event}`);
  again.addEventListener("click", () => press("replay", { event, session_id: session, world }, "webhook-note"));
  line.append(clock(time), element("span", `code ${bad ? "bad" : ""}`, status ?? "none"), words, again);
  return line;
}

const many = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;

/** The number of the world that is looked at; a reload keeps it. */
let chosen = Number(sessionStorage.getItem("world") ?? 0);
let latest;

/** Offers the worlds, where a key has one of its own; the one that is looked at. */
function choose(worlds) {
  latest = worlds;
  const field = at("world");
  at("worlds").hidden = worlds.total < 2;
  const options = new Map([...field.options].map((option) => [option.value, option]));
  worlds.worlds.forEach(({ number, name, sessions, requests, faults }, place) => {
    const option = options.get(String(number)) ?? element("option");
    options.delete(String(number));
    option.value = String(number);
    const counts = [many(sessions, "session"), many(requests, "request")];
    if (faults.length) counts.push(many(faults.length, "fault"));
    const text = `${name}: ${counts.join(", ")}`;
    if (option.textContent !== text) option.textContent = text;
    if (field.options[place] !== option) field.insertBefore(option, field.options[place] ?? null);
  });
  for (const option of options.values()) option.remove();
  const found = worlds.worlds.find(({ number }) => number === chosen) ?? worlds.worlds[0];
  look(found.number);
  return found;
}

function look(number) {
  chosen = number;
  sessionStorage.setItem("world", String(number));
  if (at("world").value !== String(number)) at("world").value = String(number);
}

at("world").addEventListener("change", ({ target }) => {
  look(Number(target.value));
  show(at("fault-note"), "");
  show(at("webhook-note"), "");
  const world = choose(latest);
  faults(world.faults);
  refresh("requests", world, showRequests);
  refresh("webhooks", world, showWebhooks);
});

let armed = "";

function faults(list) {
  show(at("fault-count"), list.length ? String(list.length) : "");
  at("clear").hidden = list.length === 0;
  if (armed === list.join("\n")) return;
  armed = list.join("\n");
  const hadFocus = at("armed").contains(document.activeElement);
  at("armed").replaceChildren(
    ...list.map((text) => {
      const line = element("li", "row flat");
      const back = element("button", "small", "Take back");
      back.type = "button";
      back.setAttribute("aria-label", `Take back: ${text}`);
      back.addEventListener("click", () => press("remove-fault", { fault: text }));
      line.append(element("code", "what", text), back);
      return line;
    }),
  );
  // The button that was pressed is gone with its line.
  if (hadFocus) (at("armed").querySelector("button") ?? at("fault")).focus();
}

/** Presses a button of the emulator; says why when it does not work. */
async function press(name, body, note = "fault-note") {
  try {
    const answer = await fetch(name, { method: "POST", body: JSON.stringify({ world: chosen, ...body }) });
    show(at(note), answer.ok ? "" : reason(answer, await answer.text()));
    return answer.ok;
  } catch {
    show(at(note), "The emulator does not answer. Is it still running?");
    return false;
  }
}

for (const button of document.querySelectorAll("[data-fault]")) {
  button.addEventListener("click", () => press("faults", { fault: button.dataset.fault }));
}
at("new-fault").addEventListener("submit", async (submit) => {
  submit.preventDefault();
  const field = at("fault");
  if (await press("faults", { fault: field.value })) field.value = "";
  field.focus();
});
at("clear").addEventListener("click", async () => {
  if (await press("clear-faults")) at("fault").focus();
});

follow(() => {}, take);
setInterval(ages, 1000);
