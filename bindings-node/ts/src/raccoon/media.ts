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
import {
  CALL,
  type CallOptions,
  checkCallback,
  checkSignal,
  execute,
  text,
} from "../shared/calls.js";
import { bytesIn, listen, reasonOf, throwIfAborted } from "../shared/foreign.js";
import { known, type Names } from "../shared/known.js";
import { call } from "../shared/telemetry.js";
import {
  check,
  checkFiles,
  type FileInput,
  type Given,
  givenFiles,
  nameOf,
  refuseSpent,
  type Upload,
  type UploadInput,
} from "./files.js";
import type { UploadedFile } from "./models.js";

export type { FileInput, NewFile, UploadInput } from "./files.js";

/** How far an upload is, in bytes. It begins anew when the upload is repeated. */
export interface UploadProgress {
  /** Bytes that were sent. */
  sent: number;
  /** Null where it is not known. */
  total: number | null;
}

/** How far an upload of many files is: the place of the one that is sent now, from 0, and its bytes. */
export interface UploadFilesProgress extends UploadProgress {
  /** The place of the file that is sent now. */
  index: number;
}

/** How files are uploaded. */
export interface FilesOptions extends CallOptions {
  /** Is called while bytes are sent, and once all of a file are. */
  onProgress?: ((progress: UploadFilesProgress) => unknown) | undefined;
}

/** How the files of a directory are uploaded. */
export interface DirectoryOptions extends FilesOptions {
  /**
   * Which files, by their paths in there: `*` and `?` stand for any characters of a name, `**` for
   * any folders. Names that begin with a dot need a pattern with that dot; links to directories are
   * not followed. Default: `**\/*`, all of them.
   */
  pattern?: string | undefined;
}

/** How files are uploaded, and for which session. */
export interface UploadFilesOptions extends FilesOptions {
  /** The session that the files are for; it need not exist yet. */
  sessionId: string;
}

/** How the files of a directory are uploaded, and for which session. */
export interface UploadDirectoryOptions extends DirectoryOptions {
  /** The session that the files are for; it need not exist yet. */
  sessionId: string;
}

/** How a file is uploaded. */
export interface FileOptions extends CallOptions {
  /**
   * Where to keep it; what is there is overwritten. Default: `{sessionId}/{name}`, or a place of its
   * own for a second file of that name.
   */
  key?: string | undefined;
  /** Default: the name of the file, else `file`. */
  name?: string | undefined;
  /** Default: by the name's ending. */
  contentType?: string | undefined;
  /** Is called while bytes are sent, and once all are. */
  onProgress?: ((progress: UploadProgress) => unknown) | undefined;
}

/** How a file is uploaded, and for which session. */
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

/** @internal */
export const FILES: Names<FilesOptions> = { ...CALL, onProgress: true };

/** @internal */
export const DIRECTORY: Names<DirectoryOptions> = { ...FILES, pattern: true };

const UPLOAD_FILES: Names<UploadFilesOptions> = { ...FILES, sessionId: true };

const UPLOAD_DIRECTORY: Names<UploadDirectoryOptions> = { ...DIRECTORY, sessionId: true };

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

  /**
   * Uploads files, one after the other: what `files` of a turn takes. What was uploaded already
   * stays as it is. Files that cannot be read are refused before any is sent.
   */
  uploadFiles(files: Iterable<FileInput>, options: UploadFilesOptions): Promise<UploadedFile[]> {
    return uploadFiles(this.#native, files, options);
  }

  /** Uploads the files of a directory, in the order of their paths; their folders become part of their keys. */
  uploadDirectory(directory: string, options: UploadDirectoryOptions): Promise<UploadedFile[]> {
    return uploadDirectory(this.#native, directory, options);
  }
}

/** @internal */
export async function upload(
  client: NativeRaccoonClient,
  file: UploadInput,
  options: UploadOptions,
): Promise<UploadedFile> {
  const { signal, onProgress, sessionId, ...said } = known(options, UPLOAD);
  checkCallback("onProgress", onProgress);
  refuseSpent("file", file);
  return sendFile(client, sessionId, { content: file, ...said }, signal, onProgress);
}

/** @internal */
export async function uploadFiles(
  client: NativeRaccoonClient,
  files: Iterable<FileInput>,
  options: UploadFilesOptions,
): Promise<UploadedFile[]> {
  const { sessionId } = known(options, UPLOAD_FILES);
  checkCallback("onProgress", options.onProgress);
  if (files === undefined || files === null) {
    throw new InvalidRequestError(`\`files\` is ${files}. Pass an array of files.`);
  }
  const given = givenFiles(files);
  check({ check: "session_id", session_id: text("sessionId", sessionId) });
  checkFiles(given);
  return sendAll(client, sessionId, given, options);
}

/** @internal */
export async function uploadDirectory(
  client: NativeRaccoonClient,
  directory: string,
  options: UploadDirectoryOptions,
): Promise<UploadedFile[]> {
  const { sessionId, pattern, signal } = known(options, UPLOAD_DIRECTORY);
  checkCallback("onProgress", options.onProgress);
  check({ check: "session_id", session_id: text("sessionId", sessionId) });
  const operation = {
    op: "directory_files" as const,
    directory: text("directory", directory),
    pattern: pattern === undefined ? undefined : text("pattern", pattern),
  };
  const found = await execute(client, operation, signal);
  const given = found.map(({ path, folder }) => ({ upload: { content: path, folder } }));
  return sendAll(client, sessionId, given, options);
}

async function sendAll(
  client: NativeRaccoonClient,
  sessionId: string,
  files: Given[],
  { signal, onProgress }: FilesOptions,
): Promise<UploadedFile[]> {
  const uploaded: UploadedFile[] = [];
  for (const [index, file] of files.entries()) {
    if ("uploaded" in file) {
      uploaded.push(file.uploaded);
      continue;
    }
    const report = onProgress && ((progress: UploadProgress) => onProgress({ index, ...progress }));
    uploaded.push(await sendFile(client, sessionId, file.upload, signal, report));
  }
  return uploaded;
}

/** @internal */
export function sendFile(
  client: NativeRaccoonClient,
  sessionId: string,
  upload: Upload,
  signal?: AbortSignal,
  onProgress?: (progress: UploadProgress) => unknown,
): Promise<UploadedFile> {
  return call(client, "upload", { sessionId }, (target) =>
    send(target, sessionId, upload, signal, onProgress),
  );
}

async function send(
  client: NativeRaccoonClient,
  sessionId: string,
  { content: file, key, name, contentType, folder }: Upload,
  signal?: AbortSignal,
  onProgress?: (progress: UploadProgress) => unknown,
): Promise<UploadedFile> {
  checkSignal(signal);
  throwIfAborted(signal);
  const params = {
    upload: {
      session_id: text("sessionId", sessionId),
      key,
      folder,
      name: name ?? (typeof file === "object" && file !== null ? nameOf(file) : undefined),
      content_type: contentType ?? (file instanceof Blob && file.type ? file.type : undefined),
    },
    path: typeof file === "string" ? file : undefined,
  };
  const bytes = bytesIn(file);
  const stream = typeof file === "string" || bytes !== undefined ? undefined : streamOf(file);
  const channel = stream === undefined ? undefined : native.UploadChannel.open();
  const running = orThrow(client.upload(JSON.stringify(params), bytes, channel));
  const onAbort = () => running.cancel();
  const release = signal && listen(signal, onAbort);
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
    if (outcome === null) {
      throw signal?.aborted ? reasonOf(signal) : new Error("The upload ended without an outcome.");
    }
    if (typeof outcome !== "string") throw errorFrom(outcome);
    const { uploaded_at, ...uploaded } = JSON.parse(outcome);
    return uploaded_at === undefined ? uploaded : { ...uploaded, uploadedAt: uploaded_at };
  } finally {
    release?.();
    running.cancel();
    channel?.abort();
  }
}

function streamOf(file: UploadInput): AsyncIterable<Uint8Array | string> {
  if (file instanceof Blob) return file.stream() as AsyncIterable<Uint8Array>;
  if (typeof file === "object" && file !== null && Symbol.asyncIterator in file) return file;
  throw new InvalidRequestError(
    `\`file\` must be a path, bytes, a Blob or a stream of bytes, not ${file === null ? "null" : typeof file}. Pass one of them.`,
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
      const bytes = typeof step.value === "string" ? Buffer.from(step.value) : bytesIn(step.value);
      if (bytes === undefined) {
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
