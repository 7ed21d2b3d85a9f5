// What both pages use. Text that comes from a task, an agent or a page is only ever set as text.

export const at = (id) => document.getElementById(id);

/** An element with a class and a text. */
export function element(name, style, text) {
  const made = document.createElement(name);
  if (style) made.className = style;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Shows a text in an element, or hides it when there is none. */
export function show(node, text) {
  if (node.textContent !== (text ?? "")) node.textContent = text ?? "";
  node.hidden = !text;
}

/** What a person calls the state of a session. */
export function stateOf({ status, execution }) {
  if (status === "running" && execution === "waiting_for_input") return "question";
  return status;
}

export function showState(node, state) {
  if (node.textContent === state) return;
  node.textContent = state;
  node.className = `status ${state}`;
}

export function age(created) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(created)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/**
 * Follows the page's feed while the page is visible: a browser opens six connections to one server at most, and
 * pages in the background must not use them up. `begin` runs before the first news of each connection.
 */
export function follow(begin, take) {
  let source;
  let ended = false;
  const open = () => {
    if (source || ended || document.hidden) return;
    let first = true;
    source = new EventSource("feed");
    source.onopen = () => {
      first = true;
      at("offline").hidden = true;
    };
    source.onmessage = ({ data }) => {
      if (first) begin();
      first = false;
      if (take(JSON.parse(data)) === "end") {
        ended = true;
        close();
      }
    };
    source.onerror = () => {
      at("offline").hidden = false;
      // After a refusal the browser does not try again by itself.
      if (source?.readyState === EventSource.CLOSED) {
        close();
        setTimeout(open, 2000);
      }
    };
  };
  const close = () => {
    source?.close();
    source = undefined;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}

/** Why the emulator refused, from its answer. */
export function reason(answer, text) {
  try {
    const { message, detail } = JSON.parse(text);
    if (message) return message;
    return typeof detail === "string" ? detail : detail.map(({ msg }) => msg).join("; ");
  } catch {
    return answer.status === 404 ? "The session is deleted." : `Refused with status ${answer.status}.`;
  }
}
