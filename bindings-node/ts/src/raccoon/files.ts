/**
 * Files that a caller gives for a turn, in whatever form.
 */

import { basename } from "node:path";
import { errorFrom, InvalidRequestError } from "../errors.js";
import { native } from "../native.js";
import { text } from "../shared/calls.js";
import { bytesIn } from "../shared/foreign.js";
import type { UploadedFile } from "./models.js";
import type { Check, FileToCheck } from "./seam.js";

/**
 * What can be uploaded: the path of a file, bytes, a `Blob`, or a stream of bytes (a Node or web
 * `ReadableStream`, any async iterable). All but bytes are streamed. A file is read again for a
 * retry; of what a Blob or a stream gives, 8 MiB are kept for it.
 */
export type UploadInput =
  | string
  | Uint8Array
  | ArrayBuffer
  | Blob
  | AsyncIterable<Uint8Array | string>;

/** A file that is to be uploaded, and what is said of it. */
export interface NewFile {
  /** Bytes, a text, a `Blob` or a stream. Or give `path`. */
  content?: UploadInput | undefined;
  /** The path of a file. */
  path?: string | undefined;
  /** Default: the name of the file, else `file`. */
  name?: string | undefined;
  /** Default: by the name's ending. */
  contentType?: string | undefined;
  /** Where to keep it; what is there is overwritten. Default: a place of its own. */
  key?: string | undefined;
}

/** What a turn takes for a file: one to upload, or what `upload` gave. */
export type FileInput = UploadInput | NewFile | UploadedFile;

const FORMS =
  "a path, bytes, a Blob, a stream of bytes, an object with `name` and `content`, or what `upload` gave";
const NEW = ["content", "path", "name", "contentType", "key"];
/** An uploaded file as it is here, or as the service answers an upload. */
const UPLOADED: Record<string, keyof UploadedFile> = {
  key: "key",
  name: "name",
  filename: "name",
  type: "type",
  contentType: "type",
  content_type: "type",
  size: "size",
  uploadedAt: "uploadedAt",
  uploaded_at: "uploadedAt",
};

/** A file that is to be uploaded: a path, bytes, or something to read from. */
export interface Upload {
  content: UploadInput;
  name?: string | undefined;
  contentType?: string | undefined;
  key?: string | undefined;
  folder?: string | undefined;
}

/** One of a turn's files. */
export type Given = { upload: Upload } | { uploaded: UploadedFile };

/** What is given as files; one that can be none is refused, by its place. */
export function givenFiles(files: unknown): Given[] {
  if (files === undefined || files === null) return [];
  const one = typeof files === "string" || contentOf(files) !== undefined || isPlain(files);
  if (one && !Array.isArray(files)) {
    const what = typeof files === "string" ? "a text" : `one file, ${shown(files)}`;
    const example = typeof files === "string" ? JSON.stringify(files) : "file";
    throw new InvalidRequestError(
      `\`files\` is ${what}. Pass an array of files, such as [${example}].`,
    );
  }
  if (typeof files !== "object" || !(Symbol.iterator in files)) {
    throw new InvalidRequestError(
      `\`files\` must be an array of files, not ${shown(files)}. Pass one such as ["report.pdf"].`,
    );
  }
  const members = Array.from(files as Iterable<unknown>, (file, at) => given(`files[${at}]`, file));
  const streams = new Map<unknown, number>();
  for (const [at, file] of members.entries()) {
    if (!("upload" in file && isStream(file.upload.content))) continue;
    const first = streams.get(file.upload.content);
    if (first !== undefined) {
      throw new InvalidRequestError(
        `\`files[${at}]\` is the stream of \`files[${first}]\`, which is read once. Leave it out, or pass its path or its bytes.`,
      );
    }
    streams.set(file.upload.content, at);
  }
  return members;
}

function isStream(content: unknown): content is AsyncIterable<Uint8Array | string> {
  if (typeof content !== "object" || content === null || content instanceof Blob) return false;
  return Symbol.asyncIterator in content;
}

/** Refuses a stream that gives nothing any more, before anything of it is sent. */
export function refuseSpent(name: string, content: UploadInput): void {
  if (!isStream(content)) return;
  const { destroyed, readableEnded, locked } = content as {
    destroyed?: unknown;
    readableEnded?: unknown;
    locked?: unknown;
  };
  const state =
    readableEnded === true
      ? "was read to its end"
      : destroyed === true
        ? "is destroyed"
        : locked === true && "is read by somebody else";
  if (state !== false) {
    throw new InvalidRequestError(
      `\`${name}\` is a stream that ${state}. Open it anew, or pass its path or its bytes.`,
    );
  }
}

function given(name: string, file: unknown): Given {
  const content = contentOf(file);
  if (content !== undefined) {
    refuseSpent(name, content);
    return { upload: { content } };
  }
  if (isPlain(file)) return described(name, file);
  throw new InvalidRequestError(`\`${name}\` must be ${FORMS}, not ${shown(file)}.`);
}

/** A file that an object describes. */
function described(name: string, file: Record<string, unknown>): Given {
  const says = (field: string) => file[field] !== undefined && file[field] !== null;
  if (!("content" in file) && !("path" in file)) {
    if (!says("key")) {
      throw new InvalidRequestError(
        `\`${name}\` is an object without \`content\`, \`path\` and \`key\`. A new file has \`name\` and ` +
          "`content`, or `path`; one that was uploaded has its `key`.",
      );
    }
    const uploaded: Record<string, unknown> = { name: "", type: "", size: 0 };
    for (const field in file) {
      const ours = knownField(name, field, Object.keys(UPLOADED)) && UPLOADED[field];
      if (ours && says(field)) uploaded[ours] = file[field];
    }
    for (const field of ["key", "name", "type"]) text(`${name}.${field}`, uploaded[field]);
    if (!(Number.isSafeInteger(uploaded.size) && Number(uploaded.size) >= 0)) {
      throw new InvalidRequestError(
        `\`${name}.size\` must be a whole number, 0 or more, not ${shown(uploaded.size)}.`,
      );
    }
    return { uploaded: uploaded as unknown as UploadedFile };
  }
  for (const field in file) knownField(name, field, NEW);
  if (says("content") && says("path")) {
    throw new InvalidRequestError(
      `\`${name}\` has both \`content\` and \`path\`. Give one of them.`,
    );
  }
  for (const field of ["name", "contentType", "key"]) {
    if (says(field)) text(`${name}.${field}`, file[field]);
  }
  const { path, content, ...said } = file as NewFile;
  if (path !== undefined && path !== null) {
    return { upload: { ...said, content: text(`${name}.path`, path) } };
  }
  // A path has a field of its own.
  const bytes = typeof content === "string" ? Buffer.from(content) : contentOf(content);
  if (bytes === undefined) {
    throw new InvalidRequestError(
      `\`${name}\`: its \`content\` must be bytes, text, a Blob or a stream, not ${shown(content)}.`,
    );
  }
  refuseSpent(name, bytes);
  return { upload: { ...said, content: bytes } };
}

function knownField(name: string, field: string, fields: readonly string[]): true {
  if (fields.includes(field)) return true;
  throw new InvalidRequestError(
    `\`${name}\` has \`${field}\`, which no such file has. Its fields are ${fields.join(", ")}.`,
  );
}

/** What can be uploaded; undefined where it cannot. */
function contentOf(file: unknown): UploadInput | undefined {
  if (typeof file === "string") return file;
  if (typeof file !== "object" || file === null) return undefined;
  if (file instanceof Blob) return file;
  const bytes = bytesIn(file);
  if (bytes !== undefined) return bytes;
  return Symbol.asyncIterator in file ? (file as AsyncIterable<Uint8Array | string>) : undefined;
}

function isPlain(file: unknown): file is Record<string, unknown> {
  return typeof file === "object" && file !== null && !(Symbol.iterator in file);
}

function shown(value: unknown): string {
  if (value === null || typeof value !== "object") return String(value).slice(0, 60);
  return `a ${value.constructor?.name || "object of another kind"}`;
}

/** The name that a content has by itself. */
export function nameOf(file: UploadInput): string | undefined {
  if (typeof file === "string" || !("name" in file || "path" in file)) return undefined;
  if (file instanceof Blob) return "name" in file ? String(file.name) : undefined;
  // A stream of `fs.createReadStream`.
  return "path" in file && typeof file.path === "string" ? basename(file.path) : undefined;
}

/** The path, if that is all that is said of a file: then the core uploads it. */
function plainPath({ content, ...said }: Upload): string | undefined {
  const isAll = Object.values(said).every((value) => value === undefined);
  return typeof content === "string" && isAll ? content : undefined;
}

/** Whether somebody here has to upload a file, since the core cannot read it by itself. */
export function isNew(file: Given): file is { upload: Upload } {
  return "upload" in file && plainPath(file.upload) === undefined;
}

/** Refuses what cannot be uploaded, by its place, before anything of it is sent. */
export function checkFiles(files: readonly Given[]): void {
  const wire = files.map((file): FileToCheck => {
    if ("uploaded" in file) return { uploaded: true, key: file.uploaded.key };
    const { content, key, contentType } = file.upload;
    const path = typeof content === "string" ? content : undefined;
    return { path, key: key ?? undefined, content_type: contentType ?? undefined };
  });
  check({ check: "files", files: wire });
}

export function wireUploaded({ uploadedAt, ...file }: UploadedFile) {
  return uploadedAt === undefined ? file : { ...file, uploaded_at: uploadedAt };
}

/** Files that were uploaded: a message uploads none. */
export function uploadedFiles(files: unknown) {
  return givenFiles(files).map((file, at) => {
    if ("uploaded" in file) return wireUploaded(file.uploaded);
    throw new InvalidRequestError(
      `\`files[${at}]\` was not uploaded. Upload it first, and pass what \`upload\` gave.`,
    );
  });
}

/** Refuses input that a call would refuse, without a request. */
export function check(input: Check): void {
  const error = native.checkRaccoon(JSON.stringify(input));
  if (error !== null) throw errorFrom(error);
}
