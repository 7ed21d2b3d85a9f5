/**
 * The body of a response that goes on: frames of server-sent events, and comments while there are none.
 */

import { InvalidRequestError } from "../errors.js";

/** How a response is kept alive, and how its end is told. */
export interface SseBodyOptions {
  /** Milliseconds of silence after which a comment is sent. Default: 15,000. */
  heartbeat?: number | undefined;
  /** That of the request: it aborts when the client is gone. */
  signal?: AbortSignal | undefined;
}

/**
 * What a body is made of.
 * @internal
 */
export interface Frames {
  /** The next frame, null at the end. It does not reject. */
  next(): Promise<string | null>;
  /** Frees what the frames come from: at the end, and when the client is gone. It does not reject. */
  leave(): Promise<void>;
}

/**
 * No proxy may hold a part of it back: `no-transform` is for what compresses, the last one for nginx.
 * @internal
 */
export const SSE_HEADERS: Record<string, string> = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

const DEFAULT_HEARTBEAT = 15_000;

/** The longest time that a timer takes. */
const LONGEST = 0x7fff_ffff;

const SILENT = Symbol("silent");

/** @internal */
export function heartbeatOf({ heartbeat = DEFAULT_HEARTBEAT }: SseBodyOptions): number {
  if (typeof heartbeat === "number" && heartbeat > 0) return Math.min(heartbeat, LONGEST);
  throw new InvalidRequestError(
    `\`heartbeat\` must be a positive number of milliseconds, not ${String(heartbeat)}.`,
  );
}

/**
 * The frames as bytes, each made when somebody reads on. `leave` is called once, whoever ends it.
 * @internal
 */
export function sseBody(frames: Frames, options: SseBodyOptions): ReadableStream<Uint8Array> {
  const heartbeat = heartbeatOf(options);
  const { signal } = options;
  const encoder = new TextEncoder();
  const comment = encoder.encode(":\n\n");
  let greeted = false;
  let pending: Promise<string | null> | undefined;
  let left: Promise<void> | undefined;
  let end = () => {};

  function leave(): Promise<void> {
    signal?.removeEventListener("abort", gone);
    left ??= frames.leave();
    return left;
  }

  /** The client left: whoever reads on all the same gets the end. */
  function gone(): void {
    void leave();
    end();
  }

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        end = () => {
          try {
            controller.close();
          } catch {
            // It was cancelled, or is closed already.
          }
        };
        if (signal?.aborted) gone();
        else signal?.addEventListener("abort", gone, { once: true });
      },
      async pull(controller) {
        if (!greeted) {
          // The headers are sent with it, and not with the first event.
          greeted = true;
          controller.enqueue(comment);
          return;
        }
        pending ??= frames.next();
        const frame = await within(pending, heartbeat);
        if (left !== undefined) return;
        if (frame === SILENT) {
          controller.enqueue(comment);
          return;
        }
        pending = undefined;
        if (frame !== null) {
          controller.enqueue(encoder.encode(frame));
          return;
        }
        // Before the end of the response: what is frozen then has done it.
        await leave();
        end();
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );
}

/** What comes within so many milliseconds, or that nothing did. */
async function within<T>(promise: Promise<T>, milliseconds: number): Promise<T | typeof SILENT> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<typeof SILENT>((resolve) => {
    timer = setTimeout(resolve, milliseconds, SILENT);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
