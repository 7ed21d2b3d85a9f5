// What users write must compile, and what is wrong must not. Checked by tsc, never run.

import { type } from "arktype";
import {
  type Agent,
  type AgentFile,
  type AgentPage,
  type AgentTask,
  type AgentTurn,
  Agi,
  type AgiEvent,
  APIConnectionError,
  APIStatusError,
  type CapturedRequest,
  type CreateSessionOptions,
  type DoneEvent,
  Emulator,
  type EventStream,
  type EventType,
  InvalidRequestError,
  type Message,
  type QuestionEvent,
  QuestionPending,
  Raccoon,
  RateLimitError,
  type RawResponse,
  type RequestMatch,
  type Screenshot,
  Session,
  SessionwireError,
  StreamError,
  type Task,
  TaskError,
  type TaskOutcome,
  TaskOver,
  type TaskResult,
  TaskTimeout,
  type TodoItem,
  type Turn,
  type TurnAgent,
  type TurnEvent,
  type TurnOutcome,
  type TurnResult,
  type UploadedFile,
  webhooks,
} from "sessionwire";
import * as v from "valibot";
import { z } from "zod";

/** Compiles only if the two types are the same. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

declare const signal: AbortSignal;
declare const maybeSignal: AbortSignal | undefined;

export async function theShapeOfUse(): Promise<void> {
  await using client = new Agi();
  await using session = await client.sessions.create({ agentName: "agi-0" });
  const result = await session.runTask("...", {
    onQuestion: async (question) => {
      same<typeof question.type, "question">(true);
      return "morning";
    },
    onEvent: (event) => console.log(event.text),
    signal,
    timeout: 600_000,
    cancelOnTimeout: true,
  });
  same<typeof result, TaskResult<null>>(true);
  for await (const event of session.events({ eventTypes: ["question", "done"] })) {
    same<typeof event, AgiEvent>(true);
  }
  await using task = await session.startTask("x", { signal: maybeSignal, startUrl: undefined });
  same<typeof task, Task>(true);
  await using stream = session.events();
  same<typeof stream, EventStream>(true);
  const readable: ReadableStream<AgiEvent> = ReadableStream.from<AgiEvent>(stream);
  await readable.cancel();
}

export async function oneByOne(task: Task, turn: Turn): Promise<void> {
  const step = await task.next();
  if (!step.done) same<typeof step.value, AgiEvent>(true);
  const part: IteratorResult<TurnEvent, undefined> = await turn.next();
  const readable: ReadableStream<TurnEvent> = ReadableStream.from<TurnEvent>(turn);
  const iterator: AsyncIterator<TurnEvent, undefined, undefined> = turn;
  console.log(part.done, readable.locked, await iterator.return?.());
}

export async function anyRequest(agi: Agi, raccoon: Raccoon): Promise<void> {
  const answer = await agi.request("GET", "/sessions");
  same<typeof answer, RawResponse>(true);
  same<typeof answer, Awaited<ReturnType<typeof raccoon.request>>>(true);
  same<typeof answer.statusCode, number>(true);
}

export async function manyTasks(client: Agi): Promise<void> {
  const options = { concurrency: 2, agentName: "agi-0-fast", waitForLimit: 60_000, signal };
  for await (const outcome of client.runTasks(new Set(["x"]), options)) {
    same<typeof outcome, TaskOutcome<null>>(true);
    same<typeof outcome.result, TaskResult<null> | null>(true);
    same<typeof outcome.error, Error | null>(true);
  }
  // @ts-expect-error tasks are texts
  client.runTasks([5]);
}

export async function manyTurns(client: Raccoon): Promise<void> {
  const outcomes = client.runTurns(["x", { prompt: "y", mode: "code" }], { timeout: 1000, signal });
  for await (const outcome of outcomes) {
    same<typeof outcome, TurnOutcome>(true);
    same<typeof outcome.result, TurnResult | null>(true);
    if (outcome.error === null) same<typeof outcome.result, TurnResult>(true);
    else same<typeof outcome.error, Error>(true);
  }
  const rest: TurnOutcome[] = await outcomes.all();
  for await (const event of client.session().events({ pollInterval: 100 })) {
    same<typeof event, TurnEvent>(true);
    client.session().events({ after: event });
  }
  console.log(rest.map(({ sent, messageId }) => [sent, messageId]));
  // @ts-expect-error a turn has a prompt
  client.runTurns([{ mode: "code" }]);
}

export async function plainNode20(): Promise<void> {
  const client = new Agi({ apiKey: "k", timeout: 1000, headers: { a: "b" } });
  try {
    const session = await client.sessions.create();
    try {
      const shot: Screenshot = await session.screenshot({ signal });
      const image: Buffer = shot.image;
      await shot.save(new URL("file:///tmp/x.jpg"));
      const url: string = await session.navigate(`https://x.example/${image.length}`);
      const created: Date | null = session.createdAt;
      const five: number = await session.paused(() => url.length + (created?.getTime() ?? 0));
      const status: string = await session.wait({ timeout: five });
      for await (const message of session.followMessages()) same<typeof message, Message>(true);
      console.log(status satisfies string, (await session.messages()).hasAgent);
    } finally {
      await session.delete({ saveSnapshotMode: "filesystem", saveAsDefault: true });
    }
  } finally {
    await client.close();
  }
}

export function events(event: AgiEvent): unknown {
  same<typeof event.id, number | null>(true);
  same<typeof event.raw, string>(true);
  same<typeof event.messageId, number | null>(true);
  switch (event.type) {
    case "thought":
      same<typeof event.data.text, string>(true);
      return event.data.message_id;
    case "step":
      return event.data.url?.length;
    case "done":
      same<typeof event.data.result, unknown>(true);
      return event.data.result;
    case "error":
      same<typeof event.data.status_code, number | undefined>(true);
      return event.data.error.length;
    case "paused":
    case "resumed":
    case "heartbeat":
      return event.data.timestamp.length;
    case "question":
    case "log":
    case "user":
      return event.text;
    default: {
      // A type that this version does not know; TypeScript cannot rule the others out here.
      const data: unknown = event.data;
      return data;
    }
  }
}

export function anOpenWorld(event: AgiEvent, turnEvent: TurnEvent): string {
  same<
    EventType,
    | "step"
    | "thought"
    | "question"
    | "done"
    | "error"
    | "log"
    | "paused"
    | "resumed"
    | "heartbeat"
    | "user"
  >(true);
  const answer = (question: QuestionEvent): string => question.data.text;
  if (event.type === "tool_call") return String(event.data as unknown);
  if (event.type === "question") return answer(event);
  if (turnEvent.type === "browser.click") return turnEvent.text;
  // @ts-expect-error another type's event
  answer(event as DoneEvent);
  return event.text;
}

// @ts-expect-error a type that is not known yet has no branch here
export function forgetsTheUnknown(event: TurnEvent): string {
  switch (event.type) {
    case "message.received":
    case "thought":
    case "text":
    case "tool.start":
    case "tool.result":
    case "plan.update":
    case "sandbox.snapshot":
    case "task.completed":
    case "task.aborted":
    case "task.error":
      return event.text;
  }
}

export async function typedResults(client: Agi, session: Session): Promise<void> {
  const Mug = z.object({ name: z.string(), price: z.number().transform(String) });
  const { output } = await session.runTask("x", { output: Mug, repairs: 1 });
  same<typeof output, { name: string; price: string }>(true);
  const ark = await client.runTask("x", { output: type({ count: "number" }), maxSteps: 3 });
  same<typeof ark.output, { count: number }>(true);
  const schema = v.object({ count: v.optional(v.number()) });
  const valibot = await client.runTask("x", { output: { schema, jsonSchema: {} } });
  same<typeof valibot.output, { count?: number | undefined }>(true);
  const plain = await client.runTask("x", { describeOutput: false });
  same<typeof plain.output, null>(true);
  const any: TaskResult = ark;
  same<typeof any.output, unknown>(true);
  for await (const outcome of client.runTasks(["x"], { output: Mug })) {
    if (outcome.error === null) {
      same<typeof outcome.result.output.price, string>(true);
    } else {
      same<typeof outcome.result, null>(true);
      same<typeof outcome.error, Error>(true);
    }
    if (outcome.result) same<typeof outcome.result, TaskResult<z.output<typeof Mug>>>(true);
    const { result, error } = outcome;
    if (error === null) same<typeof result.output.price, string>(true);
  }
  // @ts-expect-error no such field
  output.prize;
  // @ts-expect-error no schema
  await session.runTask("x", { output: { name: "string" } });
  // @ts-expect-error no number
  await session.runTask("x", { output: Mug, repairs: "1" });
  // @ts-expect-error nobody is asked again there
  client.runTasks(["x"], { output: Mug, repairs: 1 });
}

export async function tools(client: Agi, session: Session): Promise<void> {
  const asked: QuestionEvent[] = [];
  const tool = session.asTool({
    name: "browse",
    onQuestion(question) {
      asked.push(question);
      return question.text === "" ? null : "blue";
    },
    onEvent: (event: AgiEvent) => event.text.length,
    timeout: 60_000,
  });
  same<typeof tool, ReturnType<typeof client.asTool>>(true);
  same<Awaited<ReturnType<typeof tool.execute>>, string>(true);
  // @ts-expect-error its session has an agent already
  session.asTool({ agentName: "agi-1" });
  // @ts-expect-error an answer is a text
  session.asTool({ onQuestion: () => 5 });
}

export function results(result: TaskResult): void {
  same<typeof result.data, unknown>(true);
  same<ReturnType<typeof result.json>, unknown>(true);
  const price = result.parse((value) => (value as { price: number }).price);
  same<typeof price, number>(true);
  const schema = { parse: (value: unknown): Date => new Date(String(value)) };
  same<ReturnType<typeof schema.parse>, Date>(true);
  const date = result.parse(schema);
  same<typeof date, Date>(true);
}

export function errors(error: unknown): string | number | null | undefined {
  if (error instanceof RateLimitError) {
    same<typeof error.retryAfter, number | null>(true);
    return error.statusCode;
  }
  if (error instanceof APIStatusError) return error.requestId;
  if (error instanceof APIConnectionError) return error.maybeDelivered ? 1 : 0;
  if (error instanceof QuestionPending) {
    same<typeof error.task, Task | null>(true);
    return error.question?.text;
  }
  if (error instanceof TaskError) return error.reason ?? error.events[0]?.text ?? error.messageId;
  if (error instanceof TaskTimeout) return error.sessionId;
  if (error instanceof StreamError) return error.lastEventId;
  if (error instanceof InvalidRequestError) return error.code;
  if (error instanceof SessionwireError) return error.detail;
  return null;
}

export async function emulator(): Promise<void> {
  await using emulator = await Emulator.start({ port: 0, stepDelay: 10, scenario: { tasks: [] } });
  emulator.fail({ on: "events", cut_after: 7, times: 0 });
  emulator.scenario({
    tasks: [{ match: "x", steps: [{ repeat: 2, steps: [{ thought: "{n}" }] }, { done: [1] }] }],
  });
  const received: Date | undefined = emulator.requests()[0]?.receivedAt;
  const match: RequestMatch = { method: "POST", path: /message/, json: { message: "x" } };
  const found: CapturedRequest[] = emulator.assertRequested(match, { times: 1 });
  const request = await emulator.waitForRequest({ path: "/v1/**" }, { timeout: 100, signal });
  same<typeof request, CapturedRequest>(true);
  same<typeof request.status, number | null>(true);
  // @ts-expect-error a path is a text or a regular expression
  emulator.requests({ path: 5 });
  // @ts-expect-error what was received does not change
  request.path = found[0]?.path ?? "";
  same<typeof emulator.openStreams, number>(true);
  console.log(received, emulator.url, emulator.apiKey, emulator.agi().sessions.list());
}

/** The literals of an open union, which editors complete. */
type Completed<Name> = Name extends string ? (string extends Name ? never : Name) : never;

/** A mode of tomorrow passes; those of today are known. */
export async function snapshots(session: Session): Promise<void> {
  type Mode = Exclude<CreateSessionOptions["saveSnapshotMode"], undefined>;
  same<Completed<Mode>, "none" | "memory" | "filesystem">(true);
  await session.delete({ saveSnapshotMode: "tomorrow" });
}

export async function mistakes(client: Agi, session: Session): Promise<void> {
  // @ts-expect-error an option that does not exist
  new Agi({ api_key: "k" });
  // @ts-expect-error the key is not readable
  client.apiKey;
  // @ts-expect-error wrong type
  await session.runTask(5);
  // @ts-expect-error an answer is a string
  await session.runTask("x", { onQuestion: () => 5 });
  // @ts-expect-error a mode is a string
  await session.delete({ saveSnapshotMode: 5 });
  // @ts-expect-error fields are read-only
  session.sessionId = "x";
  // @ts-expect-error made by the client only
  new Session(client, {}, 5);
  // @ts-expect-error started, not constructed
  new Emulator();
  // @ts-expect-error no such endpoint
  (await Emulator.start()).fail({ on: "nowhere", hang: true });
  const options: CreateSessionOptions = { maxSteps: 5, extraBody: { anything: [1] } };
  // @ts-expect-error a number
  options.maxSteps = "5";
}

// Webhooks.
export function receives(request: Request, body: ArrayBuffer, raw: Buffer): void {
  const event = webhooks.parse(body, request.headers);
  same<typeof event, webhooks.WebhookEvent>(true);
  same<typeof event.session.id, string>(true);
  switch (event.type) {
    case "task.question":
      same<typeof event.question, string>(true);
      same<typeof event.context, Record<string, unknown>>(true);
      break;
    case "task.completed":
      same<typeof event.result.message, string>(true);
      break;
    case "session.status_changed":
      same<typeof event.oldStatus, webhooks.WebhookSession["status"]>(true);
      break;
    default:
      // @ts-expect-error another kind's field
      event.question;
  }
  const headers: import("node:http").IncomingHttpHeaders = {};
  webhooks.parse(raw, headers);
  // @ts-expect-error a parsed body
  webhooks.parse({ event: "task.started" });
  same<boolean, ReturnType<webhooks.Deduplicator["isRepeat"]>>(true);
  webhooks.verify(request.url, "secret");
}

export async function anAgentOfOnesOwnForTurns(): Promise<void> {
  const own = async (turn: AgentTurn, agent: TurnAgent): Promise<string | undefined> => {
    const file: AgentFile | null = await agent.readFile(turn.files[0]?.key ?? "");
    const size: number = file?.content.length ?? 0;
    await agent.plan(["Read", { content: turn.prompt, status: "active" }]);
    const block: string = await agent.startTool("shell");
    await agent.endTool(block, { size }, { status: "error" });
    await agent.think("Hm", { block: "deep", finalize: false });
    if (turn.mode === "code") return await agent.waitForMessage();
    await agent.fail("no", { code: "gone" });
    // @ts-expect-error: a text.
    await agent.say(size);
    // @ts-expect-error: no such status.
    await agent.plan([{ content: "x", status: "late" }]);
    return undefined;
  };
  await using emulator = await Emulator.start({ turnAgent: own });
  emulator.turnAgent((turn, agent) => agent.done({ content: turn.prompt }));
  emulator.turnAgent(null);
  // @ts-expect-error: the text of the answer, or nothing.
  emulator.turnAgent(() => 1);
}

export async function anAgentOfOnesOwn(): Promise<void> {
  const own = async (task: AgentTask, agent: Agent): Promise<{ summary: string } | undefined> => {
    await agent.step("Open", { url: task.startUrl ?? undefined, action: "click" });
    const page: AgentPage = await agent.navigate(task.text);
    const answer: string = await agent.ask(`${page.title}?`, { signal: agent.signal });
    const messages: string[] = await agent.messages();
    try {
      await agent.sleep(1000);
    } catch (error) {
      if (error instanceof TaskOver && error.reason === "cancelled") return;
      await agent.fail("no", { statusCode: 410 });
    }
    // @ts-expect-error: a text
    await agent.think(messages);
    return { summary: answer };
  };
  await using emulator = await Emulator.start({ agent: own });
  emulator.agent((task, agent) => agent.done({ text: task.text, [agent.over ?? "on"]: 1 }));
  emulator.agent(null);
  // @ts-expect-error: a function
  emulator.agent("agent");
}

export async function turns(): Promise<void> {
  await using client = new Raccoon({ wire: { prompt: ["prompt"], sdkVersion: "ace_version" } });
  const session = client.session();
  const file = await session.upload("notes.pdf", {
    onProgress: ({ sent, total }) => console.log(sent / (total ?? sent)),
    signal,
  });
  same<typeof file, UploadedFile>(true);
  await using turn = await session.startTurn("...", { mode: "code", files: ["a.txt", file] });
  const bytes = { name: "b.txt", content: Buffer.from("b"), contentType: "text/plain" };
  const mixed = ["a.txt", file, bytes, new Blob(["c"]), Buffer.from("d")];
  const uploaded = await session.uploadFiles(mixed, {
    onProgress: ({ index, sent, total }) => console.log(index + sent, total ?? 0),
  });
  const reports = await session.uploadDirectory("reports", { pattern: "**/*.csv" });
  await session.runTurn("...", { files: [...uploaded, ...reports] });
  // @ts-expect-error: a number is no file.
  await session.runTurn("...", { files: [5] });
  // @ts-expect-error: one file is no list.
  await session.runTurn("...", { files: file });
  await client.attach(turn.resumePoint, { textMode: "delta" });
  same<typeof turn, Turn>(true);
  for await (const event of turn) {
    same<typeof event, TurnEvent>(true);
    switch (event.type) {
      case "thought":
        same<typeof event.data.thought, string>(true);
        break;
      case "plan.update":
        same<typeof event.data.patch.todos, TodoItem[]>(true);
        break;
      case "tool.result":
        same<typeof event.data.output, unknown>(true);
        break;
      default:
        same<typeof event.blockId, string | null>(true);
    }
  }
  const result = await turn.result({ timeout: 1000 });
  same<typeof result, TurnResult>(true);
  const again = await client.attach(turn.sessionId, turn.messageId, { after: turn.resumePoint });
  const { confirmed } = await again.stop({ timeout: 5000 });
  same<typeof confirmed, boolean>(true);
  for await (const { sessionId, createdAt } of client.sessions.list({ sortBy: "title" })) {
    same<typeof sessionId, string>(true);
    same<typeof createdAt, Date | null>(true);
  }
  same<typeof client.maxConcurrent, number | null>(true);
  await client.runTurn("...", { onEvent: (event) => event.text, stopOnTimeout: true });
  // @ts-expect-error: a turn has a prompt.
  await client.runTurn();
  // @ts-expect-error: an upload is for a session.
  await client.media.upload("notes.pdf", {});
  const emulator = await Emulator.start({
    maxTurns: 1,
    resume: "ignored",
    scenario: { turns: [{ mode: "code", steps: [{ tool: "x", takes: 1 }, { complete: true }] }] },
  });
  emulator.fail({ on: "socket", end_after: 1, close_code: 1011 });
  same<ReturnType<typeof emulator.raccoon>, Raccoon>(true);
  // @ts-expect-error: it is one of three.
  await Emulator.start({ resume: "never" });
}
