"use client";

import { type FormEvent, useState } from "react";
import { type AgiEvent, readEvents } from "sessionwire/browser";

interface Line {
  type: string;
  text: string;
}

/** The question that waits for an answer, and how to give it. */
interface Asked {
  text: string;
  answer(text: string): void;
}

export default function Page() {
  const [lines, setLines] = useState<Line[]>([]);
  const [asked, setAsked] = useState<Asked | null>(null);
  const show = (line: Line) => setLines((before) => [...before, line]);

  async function run(message: string) {
    setLines([]);
    const body = JSON.stringify({ message });
    const events = readEvents<AgiEvent>("/api/task", { method: "POST", body });
    try {
      for await (const event of events) {
        show({ type: event.type, text: event.text });
        if (event.type !== "question") continue;
        const text = await new Promise<string>((answer) => setAsked({ text: event.text, answer }));
        setAsked(null);
        const answer = JSON.stringify({ id: events.lastEventId, answer: text });
        await fetch("/api/task", { method: "PUT", body: answer });
        show({ type: "answer", text });
      }
    } catch (error) {
      show({ type: "failed", text: String(error) });
    }
  }

  function submit(event: FormEvent<HTMLFormElement>, then: (text: string) => void) {
    event.preventDefault();
    then(String(new FormData(event.currentTarget).get("text")));
  }

  return (
    <main>
      <h1>Ask an agent</h1>
      <form id="task" onSubmit={(event) => submit(event, run)}>
        <input name="text" defaultValue="Buy a mug" /> <button type="submit">Go</button>
      </form>
      <ol>
        {lines.map((line, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines are only added
          <li key={at} className={line.type}>
            <b>{line.type}</b> {line.text}
          </li>
        ))}
      </ol>
      {asked && (
        <form id="answer" onSubmit={(event) => submit(event, asked.answer)}>
          <label>
            {asked.text} <input name="text" />
          </label>{" "}
          <button type="submit">Answer</button>
        </form>
      )}
    </main>
  );
}
