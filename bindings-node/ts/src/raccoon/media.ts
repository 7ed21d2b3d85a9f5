/**
 * Files for turns.
 */

import { errorFrom, InvalidRequestError, orThrow } from "../errors.js";
import {
  type NativeRaccoonClient,
  type NativeUpload,
  type NativeUploadChannel,
  native,
} from "../native.js";
import { CALL, type CallOptions, checkSignal, text } from "../shared/calls.js";
import { known, type Names } from "../shared/known.js";
import type { UploadedFile } from "./models.js";

/**
 * What can be uploaded: the path of a file, bytes, a `Blob`, or a stream of bytes (a Node or web
 * `ReadableStream`, any async iterable). All but bytes are streamed. A file is read again for a
 * retry; a stream can be read once, so that it is repeated only as long as nothing of it was sent.
 */
export type UploadInput =
  | string
  | Uint8Array
  | ArrayBuffer
  | Blob
  | AsyncIterable<Uint8Array | string>;

/** How far an upload is, in bytes. It begins anew when the upload is repeated. */
export interface UploadProgress {
  sent: number;
  /** Null where it is not known. */
  total: number | null;
}

export interface FileOptions extends CallOptions {
  /** Where to keep it. Default: `{sessionId}/{name}`. */
  key?: string | undefined;
  /** Default: the name of the file, else `file`. */
  name?: string | undefined;
  /** Default: by the name's ending. */
  contentType?: string | undefined;
  /** Is called while bytes are sent, and once all are. */
  onProgress?: ((progress: UploadProgress) => unknown) | undefined;
}

export interface UploadOptions extends FileOptions {
  /** The session that the file is for; it need not exist yet. */
  sessionId: string;
}

/** @internal */
export const FILE: Names<FileOptions> = {
  ...CALL,
  key: true,
  name: true,
  contentType: true,
  onProgress: true,
};

const UPLOAD: Names<UploadOptions> = {
  ...FILE,
  sessionId: true,
};

/** `client.media` */
export class Media {
  readonly #native: NativeRaccoonClient;

  /** @internal */
  constructor(native: NativeRaccoonClient) {
    this.#native = native;
  }

  /**
   * Uploads a file. The client's `timeout` limits how long it may stand still, not how long it may
   * take; the signal gives it up.
   */
  upload(file: UploadInput, options: UploadOptions): Promise<UploadedFile> {
    return upload(this.#native, file, options);
  }
}

/** @internal */
export async function upload(
  client: NativeRaccoonClient,
  file: UploadInput,
  options: UploadOptions,
): Promise<UploadedFile> {
  const { signal, onProgress } = known(options, UPLOAD);
  checkSignal(signal);
  if (onProgress !== undefined && typeof onProgress !== "function") {
    throw new InvalidRequestError(`\`onProgress\` must be a function, not ${typeof onProgress}.`);
  }
  signal?.throwIfAborted();
  const params = {
    upload: {
      session_id: text("sessionId", options.sessionId),
      key: options.key,
      name: options.name ?? (file instanceof Blob && "name" in file ? file.name : undefined),
      content_type:
        options.contentType ?? (file instanceof Blob && file.type ? file.type : undefined),
    },
    path: typeof file === "string" ? file : undefined,
  };
  const bytes = bytesOf(file);
  const stream = typeof file === "string" || bytes !== undefined ? undefined : streamOf(file);
  const channel = stream === undefined ? undefined : native.UploadChannel.open();
  const running = orThrow(client.upload(JSON.stringify(params), bytes, channel));
  const onAbort = () => running.cancel();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const over = running.over();
    const feeding = stream && channel && feed(stream, channel, over);
    // Awaited below; until then its failure is not unhandled.
    feeding?.catch(() => {});
    if (onProgress !== undefined) await report(running, onProgress, signal);
    await over;
    // What the caller's own stream threw says more than that the upload was given up.
    await feeding;
    const outcome = running.outcome();
    if (outcome === null) throw signal?.reason ?? new Error("The upload ended without an outcome.");
    if (typeof outcome !== "string") throw errorFrom(outcome);
    const { uploaded_at, ...uploaded } = JSON.parse(outcome);
    return uploaded_at === undefined ? uploaded : { ...uploaded, uploadedAt: uploaded_at };
  } finally {
    signal?.removeEventListener("abort", onAbort);
    running.cancel();
    channel?.abort();
  }
}

function bytesOf(file: UploadInput): Uint8Array | undefined {
  if (file instanceof Uint8Array) return file;
  return file instanceof ArrayBuffer ? new Uint8Array(file) : undefined;
}

function streamOf(file: UploadInput): AsyncIterable<Uint8Array | string> {
  if (file instanceof Blob) return file.stream() as AsyncIterable<Uint8Array>;
  if (typeof file === "object" && file !== null && Symbol.asyncIterator in file) return file;
  throw new InvalidRequestError(
    "A file to upload must be a path, bytes, a Blob or a stream of bytes. Pass one of them.",
  );
}

/** Where the bytes of a stream come from. */
interface Source {
  next(): Promise<IteratorResult<unknown>>;
  /** Gives it up, also while it stands still. */
  end(): void;
}

function sourceOf(stream: AsyncIterable<Uint8Array | string>): Source {
  if (stream instanceof ReadableStream) {
    const reader = (stream as ReadableStream<Uint8Array>).getReader();
    return {
      next: () => reader.read() as Promise<IteratorResult<unknown>>,
      end: () => void reader.cancel().catch(() => {}),
    };
  }
  const iterator = stream[Symbol.asyncIterator]();
  return {
    next: () => iterator.next(),
    end() {
      // A Node stream; its iterator's `return` would wait for the bytes that do not come.
      if ("destroy" in stream && typeof stream.destroy === "function") stream.destroy();
      Promise.resolve(iterator.return?.()).catch(() => {});
    },
  };
}

/** Hands a stream on, no faster than the socket takes it, until the upload is over. */
async function feed(
  stream: AsyncIterable<Uint8Array | string>,
  channel: NativeUploadChannel,
  over: Promise<void>,
): Promise<void> {
  const source = sourceOf(stream);
  let stop: (() => void) | undefined;
  let isOver = false;
  over.then(() => {
    isOver = true;
    stop?.();
  });
  let isDone = false;
  try {
    for (;;) {
      const step = await new Promise<IteratorResult<unknown> | undefined>((resolve, reject) => {
        // The upload may be over: its outcome says why.
        stop = () => resolve(undefined);
        if (isOver) stop();
        else source.next().then(resolve, reject);
      });
      if (step === undefined) return;
      if (step.done) break;
      const bytes = typeof step.value === "string" ? Buffer.from(step.value) : step.value;
      if (!(bytes instanceof Uint8Array)) {
        throw new InvalidRequestError("A stream to upload must give bytes or text.");
      }
      if (!(await channel.write(bytes))) return;
    }
    isDone = true;
    channel.finish();
  } catch (error) {
    channel.abort();
    throw error;
  } finally {
    if (!isDone) source.end();
  }
}

async function report(
  running: NativeUpload,
  onProgress: (progress: UploadProgress) => unknown,
  signal: AbortSignal | undefined,
): Promise<void> {
  let last = -1;
  for (;;) {
    // What is given up has no outcome.
    const over = running.outcome() !== null || signal?.aborted === true;
    const { sent, total } = running;
    if (sent !== last) {
      last = sent;
      await onProgress({ sent, total });
    }
    if (over) return;
    await running.changed();
  }
}
