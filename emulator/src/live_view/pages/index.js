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
  task.append(link, latest, place, element("code", "quiet", session.session_id));
  const state = element("td");
  const status = element("span", "status");
  state.append(status);
  const time = element("td", "age");
  const agent = element("td", "agent");
  line.append(task, state, agent, time);
  return { line, link, latest, place, status, agent, time, created: session.created_at };
}

function take({ total, sessions, dashboard }) {
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
    show(known.agent, session.agent_name);
    showState(known.status, stateOf(session));
    // Only what is out of place is moved: a focused link stays focused.
    if (body.children[place] !== known.line) body.insertBefore(known.line, body.children[place] ?? null);
  });
  ages();
  faults(dashboard.faults);
  worlds(dashboard.worlds);
  refresh("requests", dashboard.requests, showRequests);
  refresh("webhooks", dashboard.webhooks, showWebhooks);
}

function ages() {
  for (const { time, created } of rows.values()) show(time, age(created));
}

/** What was fetched of each list, and whether a fetch is under way. */
const fetched = { requests: {}, webhooks: {} };

/** Fetches a list where it changed, one fetch at a time. */
async function refresh(name, version, showList) {
  const state = fetched[name];
  state.wanted = version;
  if (state.busy || state.version === version) return;
  state.busy = true;
  try {
    while (state.version !== state.wanted) {
      const now = state.wanted;
      const answer = await fetch(name);
      if (!answer.ok) return;
      showList(await answer.json());
      state.version = now;
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

/** The rows that a person has opened stay open. */
function replace(list, made) {
  const hadFocus = list.contains(document.activeElement);
  const open = new Set([...list.querySelectorAll("details[open]")].map(({ dataset }) => dataset.key));
  for (const details of made.flatMap((line) => [...line.querySelectorAll("details")])) {
    details.open = open.has(details.dataset.key);
  }
  list.replaceChildren(...made);
  // What had it is gone, and the next key would start at the top of the page.
  if (hadFocus) list.focus();
}

function showRequests(requests) {
  show(at("request-count"), String(requests.length));
  at("no-requests").hidden = requests.length > 0;
  replace(
    at("requests"),
    requests.map((request, index) => {
      const { method, path, query, status, body, headers, cut } = request;
      const line = element("li", "row");
      const details = element("details");
      details.dataset.key = `${requests.length - index} ${request.at} ${path}`;
      const summary = element("summary");
      const shown = status === null ? "open" : String(status);
      const bad = status !== null && status >= 400;
      summary.append(
        clock(request.at),
        element("span", `code ${bad ? "bad" : ""}`, shown),
        element("span", "what", `${method} ${path}${query ? `?${query}` : ""}`),
      );
      const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      details.append(summary, element("pre", "", pretty(body) + (cut ? "\n(cut)" : "") || "(no body)"));
      details.append(element("pre", "quiet", head.join("\n")));
      line.append(details);
      return line;
    }),
  );
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

function showWebhooks(attempts) {
  show(at("webhook-count"), String(attempts.length));
  at("no-webhooks").hidden = attempts.length > 0;
  replace(
    at("webhooks"),
    attempts.map((attempt) => {
      const { event, outcome, status, error, session_id: session } = attempt;
      const line = element("li", "row flat");
      const bad = outcome !== "webhook_delivered";
      const words = element("span", "what");
      words.append(element("b", "", event), ` ${outcomes[outcome] ?? outcome}, attempt ${attempt.attempt}`);
      if (error) words.append(`: ${error}`);
      words.append(element("code", "quiet", session));
      const again = element("button", "small", "Send again");
      again.type = "button";
      again.setAttribute("aria-label", `Send again: ${event}`);
      again.addEventListener("click", () => press("replay", { event, session_id: session }, "webhook-note"));
      line.append(clock(attempt.at), element("span", `code ${bad ? "bad" : ""}`, status ?? "none"), words, again);
      return line;
    }),
  );
}

const many = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;

let shownWorlds = "";

/** The worlds in numbers, where a key has one of its own. */
function worlds(list) {
  at("worlds").hidden = list.length < 2;
  const now = JSON.stringify(list);
  if (now === shownWorlds) return;
  shownWorlds = now;
  at("worlds")
    .querySelector("ul")
    .replaceChildren(
      ...list.map(({ key, sessions, requests, faults }) => {
        const line = element("li");
        const counts = [many(sessions, "session"), many(requests, "request")];
        if (faults) counts.push(many(faults, "fault"));
        line.append(element(key ? "code" : "b", "", key ?? "Default"), ` ${counts.join(", ")}`);
        return line;
      }),
    );
}

let armed = "";

function faults(list) {
  show(at("fault-count"), list.length ? String(list.length) : "");
  at("clear").hidden = list.length === 0;
  if (armed === list.join("\n")) return;
  armed = list.join("\n");
  at("armed").replaceChildren(
    ...list.map((text) => {
      const line = element("li", "row flat");
      line.append(element("code", "", text));
      return line;
    }),
  );
}

/** Presses a button of the emulator; says why when it does not work. */
async function press(name, body, note = "fault-note") {
  try {
    const answer = await fetch(name, { method: "POST", body: body && JSON.stringify(body) });
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
