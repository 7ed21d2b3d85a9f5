// Raccoon: the files of turns, in every form.

import assert from "node:assert/strict";
import { once } from "node:events";
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { Emulator, InvalidRequestError, TaskTimeout } from "sessionwire";
import { all, using } from "./helpers.mjs";

const SCENARIO = { turns: [{ steps: [{ text: "read" }, { complete: true }], once: false }] };

/** An emulator, a client, a session, and a folder with a file in it. */
async function playing(work, options = { scenario: SCENARIO }) {
  const folder = mkdtempSync(join(tmpdir(), "sessionwire-"));
  const path = join(folder, "a.txt");
  writeFileSync(path, "one");
  try {
    await using(await Emulator.start({ stepDelay: 0, ...options }), (emulator) =>
      using(emulator.raccoon(), (client) =>
        work({ session: client.session(), client, emulator, folder, path }),
      ),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the files of a turn are taken in every form and order", () =>
  playing(async ({ session, emulator, path }) => {
    const id = session.sessionId;
    const uploaded = { key: "elsewhere/a.txt", name: "a.txt", type: "text/plain", size: 3 };
    const files = [
      path,
      Buffer.from("two"),
      new Uint8Array(2).buffer,
      new Blob(["x"], { type: "text/x-b" }),
      new File(["x"], "b.md"),
      createReadStream(path),
      Readable.from([Buffer.from("x")]),
      { name: "a.txt", content: Buffer.from("four"), contentType: "text/x-a" },
      { name: "b.md", content: "text" },
      { path, name: "c.txt" },
      { content: new Blob(["five"]), key: `${id}/own` },
      uploaded,
      await session.upload(path),
    ];
    assert.equal((await session.runTurn("read", { files: new Set(files) })).text, "read");
    const [request] = emulator.requests({ path: "/sessions/new" });
    const sent = JSON.parse(request.body).files;
    assert.deepEqual(
      sent.map(({ name }) => name),
      "a.txt file file file b.md a.txt file a.txt b.md c.txt file a.txt a.txt".split(" "),
    );
    const keys = sent.map(({ key }) => key);
    assert.equal(new Set(keys).size, keys.length, "none overwrites another");
    assert.deepEqual(keys.slice(10), [`${id}/own`, "elsewhere/a.txt", `${id}/a.txt`]);
    assert.deepEqual(
      [3, 7, 8].map((at) => sent[at].type),
      ["text/x-b", "text/x-a", "text/markdown"],
    );
    const puts = emulator.requests({ method: "PUT" }).length;
    assert.equal((await session.runTurn("read", { files: [uploaded] })).text, "read");
    assert.equal(emulator.requests({ method: "PUT" }).length, puts);
  }));

test("g08 what can be no file of a turn is refused, before anything is sent", () =>
  playing(async ({ session, emulator, folder, path }) => {
    for (const [files, words] of [
      [[null], /`files\[0\]` must be a path, .* not null/],
      [[path, 5], /`files\[1\]` must be a path, .* not 5/],
      [[undefined], /`files\[0\]` must be a path, .* not undefined/],
      ["a.txt", /`files` is a text\. Pass an array of files, such as \["a\.txt"\]/],
      [Buffer.from("x"), /`files` is one file, a Buffer\. Pass an array/],
      [{ key: "k" }, /`files` is one file, a Object\. Pass an array/],
      [5, /`files` must be an array of files, not 5/],
      [[{}], /`files\[0\]` is an object without/],
      [[[path]], /`files\[0\]` must be a path, .* not a Array/],
      [[{ key: 5 }], /`files\[0\]\.key` must be a string, not number/],
      [[{ key: "k", size: -1 }], /`files\[0\]\.size` must be a whole number, .*not -1/],
      [[{ key: "k" }, { key: "" }], /`files\[1\]`: The `key` is empty/],
      [[path, ""], /`files\[1\]`: The path is empty/],
      [[{ key: "k", sise: 5 }], /`files\[0\]` has `sise`, .* Its fields are key, name/],
      [[{ content: "x", mime: "a/b" }], /`files\[0\]` has `mime`.*contentType/],
      [[{ content: null }], /`files\[0\]`: its `content` must be bytes, .* not null/],
      [[{ path: 5 }], /`files\[0\]\.path` must be a string, not number/],
      [[{ path, content: "x" }], /`files\[0\]` has both/],
      [
        [Buffer.from("x"), path, "/no/such"],
        /`files\[2\]`: The file \/no\/such cannot be uploaded/,
      ],
      [[path, "/no/such"], /`files\[1\]`: The file \/no\/such cannot be uploaded/],
      [
        [Buffer.from("x"), { content: "x", contentType: "a b" }],
        /`files\[1\]`: `contentType` is "a b"/,
      ],
      [[Buffer.from("x"), { content: "x", key: "../x" }], /`files\[1\]`: `key` is "\.\.\/x"/],
      [
        [{ content: "x", key: "s/a" }, path, { content: "y", key: "s/a" }],
        /`files\[2\]`: It has the `key` of `files\[0\]`/,
      ],
      [[Buffer.from("x"), folder], /`files\[1\]`: .* is a directory.* `uploadDirectory`/],
    ]) {
      for (const call of [
        () => session.startTurn("read", { files }),
        () => session.runTurn("read", { files }),
        () => session.uploadFiles(files),
      ]) {
        await assert.rejects(call, (error) => {
          assert.ok(error instanceof InvalidRequestError, error.stack);
          assert.match(error.message, words);
          return true;
        });
      }
    }
    assert.deepEqual(emulator.requests(), []);
  }));

test("an answer that took no file is no loss", () =>
  playing(async ({ emulator, path }) => {
    writeFileSync(path, Buffer.alloc(3_000_000));
    await using(emulator.raccoon({ maxRetries: 2 }), async (client) => {
      const session = client.session();
      for (const status of [429, 503]) {
        for (const file of [
          createReadStream(path),
          new Blob([Buffer.alloc(3_000_000)]),
          Readable.toWeb(createReadStream(path)),
        ]) {
          emulator.fail({ on: "upload", status, headers: { "Retry-After": "0" } });
          assert.equal((await session.upload(file)).size, 3_000_000);
        }
      }
    });
  }));

test("the files of a turn get their keys in their order", () =>
  playing(async ({ session, emulator, path }) => {
    const other = { name: "a.txt", content: "two" };
    await session.runTurn("read", { files: [path, other, path, Readable.from(["x"])] });
    const [request] = emulator.requests({ path: "/sessions/new" });
    const keys = JSON.parse(request.body).files.map(({ key }) => key);
    const id = session.sessionId;
    assert.deepEqual(keys.slice(0, 3), [`${id}/a.txt`, `${id}/2/a.txt`, `${id}/3/a.txt`]);
  }));

test("g08 a stream is given once, and as long as it gives something", () =>
  playing(async ({ session, emulator, path }) => {
    const stream = Readable.from([Buffer.from("x")]);
    const spent = createReadStream(path);
    for await (const _ of spent);
    const destroyed = createReadStream(path);
    // Destroyed before, it would still open the file, which may be gone by then.
    await once(destroyed, "open");
    destroyed.destroy();
    const locked = new Blob(["x"]).stream();
    locked.getReader();
    for (const [files, words] of [
      [[path, stream, { content: stream }], /`files\[2\]` is the stream of `files\[1\]`/],
      [[Buffer.from("x"), spent], /`files\[1\]` is a stream that was read to its end/],
      [[Buffer.from("x"), { content: destroyed }], /`files\[1\]` is a stream that is destroyed/],
      [[Buffer.from("x"), locked], /`files\[1\]` is a stream that is read by somebody else/],
    ]) {
      for (const call of [
        () => session.startTurn("read", { files }),
        () => session.uploadFiles(files),
      ]) {
        await assert.rejects(
          call,
          (error) => error instanceof InvalidRequestError && words.test(error.message),
        );
      }
    }
    await assert.rejects(session.upload(spent), /`file` is a stream that was read to its end/);
    await assert.rejects(
      session.upload(Buffer.from("x"), { contentType: "bad type" }),
      /`contentType` is "bad type", which is no media type/,
    );
    assert.deepEqual(emulator.requests(), []);
  }));

test("g08 bad input beside files is refused before they are sent", () =>
  playing(async ({ session, client, emulator }) => {
    const files = ["x"].map(Buffer.from);
    await using(emulator.agi(), async (agi) => {
      for (const [call, words] of [
        [() => session.startTurn(" ", { files }), /prompt/],
        [() => session.runTurn("x", { files, pingInterval: 0 }), /pingInterval/],
        [() => session.runTurn("x", { files, onEvent: 5 }), /`onEvent` must be a function/],
        [() => client.runTurn("x", { onEvent: 5 }), /`onEvent` must be a function/],
        [() => session.upload(files[0], { onProgress: 5 }), /`onProgress` must be a function/],
        [() => session.uploadFiles(files, { onProgress: 5 }), /`onProgress` must be a function/],
        [() => client.media.uploadFiles(files, { sessionId: "x" }), /UUID/],
        [() => client.media.uploadDirectory(".", { sessionId: "x" }), /UUID/],
        [() => session.uploadDirectory("/no/such"), /\/no\/such cannot be read/],
        [() => session.uploadDirectory(".", { pattern: "../*" }), /`pattern`/],
        [() => session.upload(null), /must be a path, bytes/],
        [() => session.uploadFiles(), /`files` is undefined/],
        [() => client.attach(session.sessionId), /`messageId`/],
        [() => client.attach(session.sessionId, "m", { after: { last_event_id: 3 } }), /`after`/],
        [() => agi.runTask("x", { onEvent: 5 }), /`onEvent` must be a function/],
        [() => agi.runTask("x", { onQuestion: 5 }), /`onQuestion` must be a function/],
        [() => all(agi.runTasks(["x"], { onQuestion: 5 })), /`onQuestion` must be a function/],
      ]) {
        await assert.rejects(
          async () => call(),
          (error) => {
            assert.ok(error instanceof InvalidRequestError, error.stack);
            assert.match(error.message, words);
            return true;
          },
        );
      }
    });
    assert.deepEqual(emulator.requests(), []);
  }));

test("g04 the time of a turn holds for its files", () =>
  playing(async ({ session, emulator }) => {
    emulator.fail({ on: "upload", hang: true });
    const run = session.runTurn("x", { files: [Buffer.from("x")], timeout: 200 });
    await assert.rejects(run, TaskTimeout);
    assert.deepEqual(emulator.requests({ method: "POST" }), []);
  }));

test("many files are uploaded with progress, and those of a directory", () =>
  playing(async ({ session, folder, path }) => {
    const id = session.sessionId;
    for (const name of ["b/a.txt", "b/c.csv", ".hidden", ".git/config"]) {
      mkdirSync(join(folder, name, ".."), { recursive: true });
      writeFileSync(join(folder, name), name);
    }
    symlinkSync(folder, join(folder, "b/loop"));
    const seen = [];
    const onProgress = (progress) => seen.push(progress);
    const given = [path, Buffer.from("abc"), { key: "k" }, Readable.from([Buffer.from("x")])];
    const files = await session.uploadFiles(given, { onProgress });
    assert.deepEqual([...new Set(seen.map(({ index }) => index))], [0, 1, 3]);
    assert.deepEqual(seen.at(-1), { index: 3, sent: 1, total: null });
    assert.deepEqual([files[0].key, files[2].key], [`${id}/a.txt`, "k"]);
    const found = await session.uploadDirectory(folder, { onProgress });
    assert.deepEqual(
      found.map(({ key }) => key),
      [`${id}/2/a.txt`, `${id}/b/a.txt`, `${id}/b/c.csv`],
    );
    assert.deepEqual(seen.at(-1), { index: 2, sent: 7, total: 7 });
    const [one] = await session.uploadDirectory(folder, { pattern: "b/*.txt" });
    assert.deepEqual([one.key, one.name], [`${id}/2/b/a.txt`, "a.txt"]);
    const none = session.uploadDirectory(folder, { pattern: "*.pdf" });
    await assert.rejects(none, /has no file that `pattern` names/);
  }));

test("a message takes files that were uploaded, a resume point is all that attach needs", () =>
  playing(
    async ({ session, client }) => {
      const file = await session.upload(Buffer.from("x"), { name: "a.txt" });
      const turn = await session.startTurn("x");
      for (const wrong of ["a.txt", null]) {
        const sending = async () => turn.sendMessage("more", { files: [wrong] });
        await assert.rejects(sending, /`files\[0\]`/);
      }
      await turn.sendMessage("more", { files: [file, { key: "k" }] });
      const first = await turn.next();
      const point = JSON.parse(JSON.stringify(turn.resumePoint));
      const events = await all(await client.attach(point, { textMode: "delta" }));
      assert.equal(first.value.id + 1, events[0].id);
      assert.equal(events.at(-1).type, "task.completed");
      await assert.rejects(client.attach(point, "msg_1"), /Leave out `messageId`/);
      await turn.close();
    },
    { scenario: { turns: [{ steps: [{ wait_for_message: true }, { complete: true }] }] } },
  ));
