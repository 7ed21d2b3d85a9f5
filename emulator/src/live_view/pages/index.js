import { age, at, element, follow, show, showState, stateOf } from "./live.js";

// The session pages link back here; they do not know this address by themselves.
sessionStorage.setItem("sessions", location.pathname);

const rows = new Map();

function row(session) {
  const line = element("tr");
  const task = element("th");
  task.scope = "row";
  const link = element("a");
  link.href = session.path;
  task.append(link, element("code", "quiet", session.session_id));
  const state = element("td");
  const status = element("span", "status");
  state.append(status);
  const time = element("td", "age");
  line.append(task, state, element("td", "agent", session.agent_name), time);
  return { line, link, status, time, created: session.created_at };
}

function take({ total, sessions }) {
  show(at("total"), total === 1 ? "1 session" : `${total} sessions`);
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
    showState(known.status, stateOf(session));
    // Only what is out of place is moved: a focused link stays focused.
    if (body.children[place] !== known.line) body.insertBefore(known.line, body.children[place] ?? null);
  });
  ages();
}

function ages() {
  for (const { time, created } of rows.values()) show(time, age(created));
}

follow(() => {}, take);
setInterval(ages, 1000);
