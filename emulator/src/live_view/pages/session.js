import { age, at, element, follow, reason, show, showState, stateOf } from "./live.js";

/** The page keeps this many events. */
const KEPT = 1000;

let now = { status: "loading" };
let skipped = 0;
/** The event that ended the last task. */
let ending;

const index = sessionStorage.getItem("sessions");
if (index) {
  at("all").href = index;
  at("all").hidden = false;
}

function begin() {
  at("events").replaceChildren();
  skipped = 0;
  ending = undefined;
}

function take({ session, question, entries }) {
  const before = now;
  now = session;
  const state = stateOf(session);
  show(at("task"), session.task || "No task yet");
  showState(at("status"), state);
  show(at("agent"), session.agent_name);
  show(at("session"), session.session_id);
  show(at("age"), age(session.created_at));
  document.title = `${state === "question" ? "? " : ""}${state} · ${session.task || "session"}`;
  if (session.picture !== before.picture && state !== "terminated") {
    at("picture").src = `picture?${session.picture}`;
  }
  show(at("title"), session.title);
  show(at("url"), session.url);
  show(at("browser"), session.url && (session.browser === "chromium" ? "in Chromium" : "in the built-in page view"));
  at("picture").alt = session.url ? `The browser shows ${session.title}` : "The browser shows no page";
  show(at("question-text"), question);
  at("question").hidden = question === null;
  skipped += session.skipped;
  list(entries);
  result(state, entries);
  controls(state, question !== null);
  return state === "terminated" ? "end" : "";
}

function controls(state, asked) {
  const busy = ["running", "question", "paused"].includes(state);
  const gone = state === "terminated";
  show(at("label"), asked ? "Your answer" : busy ? "Tell the agent more" : "New task");
  show(at("send"), asked ? "Answer" : busy ? "Send" : "Start");
  const focused = document.activeElement;
  const enable = (id, on) => {
    at(id).disabled = !on;
  };
  enable("pause", busy && state !== "paused");
  enable("resume", state === "paused");
  enable("cancel", busy || state === "initializing");
  enable("delete", !gone);
  enable("text", !gone);
  enable("send", !gone);
  // Who works with the keyboard goes on where they are.
  if (focused?.disabled) at(focused.id === "pause" ? "resume" : "text").focus();
  if (gone) show(at("note"), "The session is deleted.");
}

function list(entries) {
  const [log, events] = [at("log"), at("events")];
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  events.append(...entries.map(event));
  while (events.children.length > KEPT) {
    events.firstElementChild.remove();
    skipped += 1;
  }
  show(at("skipped"), skipped ? `${skipped} older events are left out.` : "");
  if (atEnd && entries.length) log.scrollTop = log.scrollHeight;
}

/** What came of the last task, where it has ended; and, for small screens, what happened last. */
function result(state, entries) {
  ending = entries.findLast(({ kind }) => kind === "done" || kind === "error") ?? ending;
  const last = entries.at(-1);
  if (last) show(at("latest"), `${last.kind}: ${words(last.kind, last.content, last.data)}`);
  const shown = ending && (state === "completed" || state === "error") ? ending : undefined;
  at("result").hidden = !shown;
  if (!shown) return;
  at("result").className = `result ${shown.kind}`;
  show(at("result-title"), shown.kind === "done" ? "Result" : "The task failed");
  show(at("result-text"), words(shown.kind, shown.content, shown.data));
  const structured = shown.kind === "done" && typeof shown.content !== "string";
  show(at("result-data"), structured ? JSON.stringify(shown.content, null, 2) : "");
}

function event({ kind, at: time, content, data }) {
  const line = element("li", `event ${kind}`);
  const clock = element("time", "", new Date(time).toLocaleTimeString([], { hour12: false }));
  clock.dateTime = time;
  clock.title = time;
  const body = element("div", "body");
  body.append(element("p", "", words(kind, content, data)));
  const details = [data?.action, data?.url].filter(Boolean).join(" ");
  if (details) body.append(element("p", "url quiet", details));
  if (kind === "done" && typeof content !== "string") {
    const result = element("details");
    result.append(element("summary", "", "Result"), element("pre", "", JSON.stringify(content, null, 2)));
    body.append(result);
  }
  line.append(clock, element("span", "kind", kind), body);
  return line;
}

function words(kind, content, data) {
  if (kind === "paused") return "The task is paused";
  if (kind === "resumed") return "The task goes on";
  if (kind === "error") return `${data.error} (status ${data.status_code})`;
  return data?.text ?? String(content);
}

/** Asks the emulator to act; says why when it does not. */
async function act(name, body) {
  try {
    const answer = await fetch(name, { method: "POST", body: body && JSON.stringify(body) });
    if (answer.ok) {
      // The news that the session is deleted may be here before the answer, and stays.
      if (stateOf(now) !== "terminated") show(at("note"), "");
      return true;
    }
    show(at("note"), reason(answer, await answer.text()));
  } catch {
    show(at("note"), "The emulator does not answer. Is it still running?");
  }
  return false;
}

at("reply").addEventListener("submit", async (submit) => {
  submit.preventDefault();
  const text = at("text");
  const message = text.value;
  if (await act("message", { message })) {
    if (text.value === message) text.value = "";
    text.focus();
  }
});

at("text").addEventListener("keydown", (key) => {
  if (key.key !== "Enter" || key.shiftKey || key.isComposing) return;
  key.preventDefault();
  at("reply").requestSubmit();
});

for (const name of ["pause", "resume", "cancel"]) {
  at(name).addEventListener("click", () => act(name));
}
at("delete").addEventListener("click", () => {
  if (confirm("Delete this session? Its task ends, and nothing is kept.")) act("delete");
});

follow(begin, take);
setInterval(() => now.created_at && show(at("age"), age(now.created_at)), 1000);
