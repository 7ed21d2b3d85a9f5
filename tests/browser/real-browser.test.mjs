// Sessions with a Chromium of their own. `make test-browser` runs it: without Chromium it fails.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { Emulator } from "sessionwire";
import { root, until, using } from "../node/helpers.mjs";
import { desktop, findChromium, launch, openPage, picture } from "./helpers.mjs";

// The emulators of this file put their folders here.
const temporary = mkdtempSync(join(tmpdir(), "sw-test-"));
process.env.TMPDIR = temporary;
process.env.SESSIONWIRE_CHROMIUM = findChromium();

const html = (title, body) => `<!doctype html><title>${title}</title><meta charset="utf-8">${body}`;
const band = (colour, top) =>
  `<div style="position:absolute;left:0;top:${top}px;width:1280px;height:240px;background:${colour}"></div>`;
const pages = {
  "/flag": html("Flag", band("#c00020", 0) + band("#ffffff", 240) + band("#2040c0", 480)),
  "/built": html(
    "Empty",
    `<script>setTimeout(async () => {
       document.body.innerHTML = await (await fetch("/offers")).text();
       document.title = "Mugs";
     }, 50)</script>`,
  ),
  "/offers": "<h1>Mugs</h1><p>Blue mug 12.50 EUR</p><p>Green mug 9.90 EUR</p>",
  "/login": html(
    "Logged in",
    "<script>localStorage.user = 'ada'; sessionStorage.cart = 'mug'</script>",
  ),
  "/account": html(
    "",
    `<script>document.title =
       [document.cookie, localStorage.user, sessionStorage.cart].join(" ")</script>`,
  ),
  "/asks": html("Asked", "<script>alert('x'); document.body.textContent = confirm('y')</script>"),
  "/counts": html("Counts", "<script>setInterval(() => document.title += '.', 200)</script>"),
  "/grows": html(
    "Before",
    "<script>onload = () => setTimeout(() => document.title = 'After', 700)</script>",
  ),
};

let shop;
let site;
let browser;

before(async () => {
  shop = createServer((request, response) => {
    const headers = { "content-type": "text/html; charset=utf-8" };
    if (request.url === "/moved") {
      response.writeHead(302, { location: "/flag" }).end();
    } else if (request.url === "/script-moved") {
      response.writeHead(200, headers).end(html("x", "<script>location.replace('/flag')</script>"));
    } else if (request.url === "/file") {
      headers["content-disposition"] = "attachment";
      response.writeHead(200, { ...headers, "content-type": "application/zip" }).end("zip");
    } else if (request.url === "/login") {
      headers["set-cookie"] = ["visit=1; Path=/", "token=2; Path=/; Max-Age=600"];
      response.writeHead(200, headers).end(pages["/login"]);
    } else {
      const page = pages[request.url];
      response.writeHead(page ? 200 : 404, headers).end(page ?? html("Nothing here", "Nothing"));
    }
  }).listen(0, "127.0.0.1");
  await once(shop, "listening");
  site = `http://127.0.0.1:${shop.address().port}`;
  browser = await launch();
});

after(async () => {
  await browser?.close();
  shop?.close();
  // Empty: every emulator removed its folder.
  rmdirSync(temporary);
});

/** The processes whose command line names the folder. */
function processes() {
  const lines = execFileSync("ps", ["-axww", "-o", "pid=,args="], { encoding: "utf8" }).split("\n");
  return lines.filter((line) => line.includes(temporary) && !line.includes("playwright"));
}

/** Neither a process nor a folder is left. */
async function nothingLeft() {
  await until(() => processes().length === 0 && emulatorFolders().length === 0);
}

function emulatorFolders() {
  return readdirSync(temporary).filter((name) => name.startsWith("sessionwire-"));
}

/** An emulator and a client of it for `work`; afterwards nothing of it is left. */
async function withChromium(work, options = {}) {
  await using(await Emulator.start({ browser: "chromium", stepDelay: 0, ...options }), (emulator) =>
    using(emulator.agi(), (client) => work(client, emulator)),
  );
  assert.deepEqual(emulatorFolders(), [], "the folder is removed");
  assert.deepEqual(processes(), [], "no process is left");
}

/** The colours of a JPEG at some points, as a browser decodes it. */
async function colours(image, ...points) {
  const page = await browser.newPage();
  const url = `data:image/jpeg;base64,${image.toString("base64")}`;
  const found = await page.evaluate(
    async ([url, points]) => {
      const picture = new Image();
      picture.src = url;
      await picture.decode();
      const canvas = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
      canvas.drawImage(picture, 0, 0);
      return points.map(([x, y]) => [...canvas.getImageData(x, y, 1, 1).data].slice(0, 3));
    },
    [url, points],
  );
  await page.close();
  return found;
}

function near(colour, wanted) {
  const far = colour.some((part, place) => Math.abs(part - wanted[place]) > 8);
  assert.ok(!far, `${colour} is not ${wanted}`);
}

test("redirects, titles and pictures are those of the page", () =>
  withChromium(async (client) => {
    const session = await client.sessions.create();
    for (const path of ["/flag", "/moved", "/script-moved"]) {
      assert.equal(await session.navigate(site + path), `${site}/flag`, path);
    }
    const shot = await session.screenshot();
    assert.deepEqual([shot.url, shot.title], [`${site}/flag`, "Flag"]);
    assert.deepEqual([shot.width, shot.height], [1280, 720]);
    const [top, middle, bottom] = await colours(shot.image, [640, 100], [20, 360], [1260, 700]);
    near(top, [0xc0, 0x00, 0x20]);
    near(middle, [255, 255, 255]);
    near(bottom, [0x20, 0x40, 0xc0]);

    assert.equal(await session.navigate(`${site}/none`), `${site}/none`);
    assert.equal((await session.screenshot()).title, "Nothing here");
    assert.equal(await session.navigate(`${site}/asks`), `${site}/asks`, "a dialog is answered");
    assert.equal((await session.screenshot()).title, "Asked");
    assert.equal(await session.navigate(`${site}/file`), `${site}/asks`, "a download is no page");
    assert.equal(await session.navigate("http://127.0.0.1:1/"), "http://127.0.0.1:1/");
    assert.equal((await session.screenshot()).url, "http://127.0.0.1:1/");
  }));

/** What a task ends with, by polling: here the browser is tested, not the stream. */
async function resultOf(session, text, options) {
  await session.sendMessage(text, options);
  await until(async () => (await session.executionStatus()) !== "running");
  const last = (await session.messages()).messages.at(-1);
  if (last.type === "ERROR") throw new Error(last.text);
  return { data: last.content };
}

test("the agent reads what a page's script built", () =>
  withChromium(async (client) => {
    const session = await client.sessions.create();
    const result = await resultOf(session, "Which mugs are there?", { startUrl: `${site}/built` });
    assert.equal(result.data.title, "Mugs");
    assert.deepEqual(
      result.data.prices.map(({ price }) => price),
      ["12.50", "9.90"],
    );
    // What a later task calls "this page" is the page as it is then.
    await session.navigate(`${site}/grows`);
    await until(async () => (await session.screenshot()).title === "After");
    assert.equal((await resultOf(session, "What is the title of this page?")).data.title, "After");
    await assert.rejects(resultOf(session, `Read ${site}/none`), /404/);
    await assert.rejects(resultOf(session, "Read http://127.0.0.1:1/"), /Could not read http/);
  }));

test("a snapshot brings cookies and storage back, to its session's heirs only", () =>
  withChromium(async (client) => {
    const session = await client.sessions.create();
    await session.navigate(`${site}/login`);
    await session.delete({ saveSnapshotMode: "filesystem", saveAsDefault: true });
    const all = "token=2; visit=1 ada mug";
    for (const options of [
      { restoreFromSessionId: session.sessionId },
      { restoreDefaultEnvironmentFromUserId: "me" },
      { restoreFromSessionId: session.sessionId, enableMemorySnapshot: false },
    ]) {
      const restored = await client.sessions.create(options);
      assert.equal((await restored.screenshot()).url, `${site}/login`);
      // Opened first, it would set the cookies anew: this one only looks.
      const other = await client.sessions.create(options);
      await other.navigate(`${site}/account`);
      const found = (await other.screenshot()).title.split(/[; ]+/).sort().join(" ");
      assert.equal(found, "ada mug token=2 visit=1", all);
      await restored.delete();
      await other.delete();
    }
    const fresh = await client.sessions.create();
    await fresh.navigate(`${site}/account`);
    assert.equal((await fresh.screenshot()).title, "");
  }));

test("the live view shows the real page, and an answer clicked there reaches the task", () => {
  const scenario = {
    tasks: [
      {
        steps: [
          { navigate: "{task}" },
          { question: "There are two mugs. Which colour do you want: blue or green?" },
          { done: { summary: "The {answer} mug", answer: "{answer}" } },
        ],
      },
    ],
  };
  return withChromium(
    async (client, emulator) => {
      const session = await client.sessions.create();
      await session.sendMessage(`${site}/built`);
      const page = await openPage(browser, emulator.url, session.vncUrl, desktop);
      await page.getByText("in Chromium").waitFor();
      await page.getByText("Mugs", { exact: true }).first().waitFor();
      await page.locator("#question").waitFor();
      await page.waitForFunction(() => document.getElementById("picture").naturalWidth === 1280);
      await picture(page, "chromium-question");
      await page.getByLabel("Your answer").fill("green");
      await page.getByRole("button", { name: "Answer" }).click();
      await page
        .getByRole("region", { name: "Result" })
        .getByText("The green mug", { exact: true })
        .waitFor();
      assert.equal((await session.messages()).messages.at(-1).content.answer, "green");
      // The page goes on by itself, and the picture with it.
      await session.navigate(`${site}/counts`);
      await page.waitForFunction(() =>
        /^Counts\.{3}/.test(document.getElementById("title").textContent),
      );
      await session.navigate(`${site}/flag`);
      await page.getByText("Flag", { exact: true }).waitFor();
      await page.waitForFunction(() => document.getElementById("picture").complete);
      await picture(page, "chromium-flag");
      assert.deepEqual(page.problems, []);
      await page.close();
      if (process.env.SESSIONWIRE_PICTURES) {
        const shot = await session.screenshot();
        writeFileSync(join(process.env.SESSIONWIRE_PICTURES, "chromium-shot.jpg"), shot.image);
      }
    },
    { scenario },
  );
});

test("a crash leaves the session with the built-in page view", () =>
  withChromium(
    async (client) => {
      const session = await client.sessions.create();
      await session.navigate(`${site}/flag`);
      const main = processes().find(
        (line) => !line.includes("--type=") && line.includes("--headless"),
      );
      process.kill(Number.parseInt(main, 10), "SIGKILL");
      const shot = await session.screenshot();
      assert.deepEqual([shot.url, shot.title, shot.width], [`${site}/flag`, "Flag", 1280]);
      assert.equal(await session.navigate(`${site}/moved`), `${site}/flag`);
      assert.ok(!processes().some((line) => line.includes("--headless")));
    },
    { browser: "auto" },
  ));

test("nothing is left of an emulator whose process is killed", async () => {
  const program = `
    import { Emulator } from "sessionwire";
    const emulator = await Emulator.start({ browser: "chromium" });
    const session = await emulator.agi().sessions.create();
    await session.navigate(process.argv[1]);
    console.log("ready");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, `${site}/flag`], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(createInterface(child.stdout), "line");
  assert.equal(emulatorFolders().length, 1);
  assert.ok(processes().length > 1);
  child.kill("SIGKILL");
  await once(child, "close");
  await nothingLeft();
});
