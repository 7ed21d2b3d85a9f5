import { Agi, resumeHandle, toSse } from "sessionwire";

export const dynamic = "force-dynamic";

const client = new Agi(); // AGI_API_KEY, AGI_BASE_URL
const secret = process.env.SSE_SECRET ?? "";

/** Starts a task, or goes on with one that this browser watched before, and streams it. */
export async function POST(request: Request): Promise<Response> {
  const handle = resumeHandle(request, secret);
  const { message } = (await request.json()) as { message: string };
  const task = handle === null ? await start(message) : await client.resume(handle);
  const sse = toSse(task, { secret, signal: request.signal });
  return new Response(sse.body, sse);
}

async function start(message: string) {
  const session = await client.sessions.create();
  return session.startTask(message);
}

/** Answers the question of a task. */
export async function PUT(request: Request): Promise<Response> {
  const { id, answer } = (await request.json()) as { id: string; answer: string };
  const handle = resumeHandle(id, secret);
  if (handle === null) return new Response("Which task?", { status: 400 });
  const task = await client.resume(handle);
  await task.answer(answer);
  await task.close();
  return new Response(null, { status: 204 });
}
