// The live view in a real browser; the sessions have the built-in page view. `make test-browser` runs it: without Chromium it fails, never passes by itself.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { Emulator, NotFoundError } from "sessionwire";
import { until } from "../node/helpers.mjs";
import { desktop, launch, openPage, phone, picture } from "./helpers.mjs";

let browser;
let emulator;
let client;
let shop;
let session;

/** A page that tries to leave its place, as text from the web may. */
const hostile = "<img src=x onerror=\"document.title='taken'\">";

before(async () => {
  shop = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    response.end(
      `<title>Mugs ${hostile.replaceAll("<", "&lt;")}</title><h1>Mugs</h1><p>Blue mug 12.50 EUR</p><p>Green mug 9.90 EUR</p>`,
    );
  }).listen(0, "127.0.0.1");
  emulator = await Emulator.start({ browser: "builtin" });
  const url = `http://127.0.0.1:${shop.address().port}/`;
  emulator.scenario({
    tasks: [
      {
        match: "mug",
        steps: [
          { thought: `Looking for the shop ${hostile}` },
          { navigate: url },
          { step: "Open the shop", url, action: "navigate" },
          { log: "2 offers found" },
          { question: "There are two mugs. Which colour do you want: blue or green?" },
          { thought: "Taking the {answer} one" },
          { done: { summary: "The {answer} mug costs 9.90 EUR", price: 9.9 } },
        ],
      },
      { match: "", steps: [{ thought: "Waiting" }, { delay: 600 }] },
    ],
  });
  client = emulator.agi();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await client?.close();
  await emulator?.close();
  shop?.close();
});

const open = (url, options) => openPage(browser, emulator.url, url, options);

test("a person answers a question from the index on, and sees the result without a reload", async () => {
  const index = await open(emulator.liveUrl, desktop);
  await index.getByText("No sessions.").waitFor();
  session = await client.sessions.create();
  const waiting = await client.sessions.create({ agentName: "agi-0-fast" });
  await waiting.sendMessage("Wait for the concert tickets to go on sale, then tell me");
  await client.sessions.create();
  await session.sendMessage("Find a cheap mug");
  await index.getByRole("row", { name: /Find a cheap mug.*question/ }).waitFor();
  await picture(index, "index-desktop");
  const small = await open(emulator.liveUrl, phone);
  await small.getByRole("row", { name: /Find a cheap mug/ }).waitFor();
  await picture(small, "index-phone");
  await small.close();

  await index.getByRole("link", { name: "Find a cheap mug" }).click();
  const page = index;
  await page.getByRole("heading", { name: "The agent asks" }).waitFor();
  assert.equal(page.url(), session.vncUrl);
  await page.waitForFunction(() => document.getElementById("picture").naturalWidth === 1280);
  await picture(page, "question-desktop");
  const handheld = await open(session.vncUrl, phone);
  await handheld.getByText("Which colour do you want").first().waitFor();
  await handheld.waitForFunction(() => document.getElementById("picture").naturalWidth === 1280);
  await picture(handheld, "question-phone");
  const wide = await handheld.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 390, `the page is ${wide} wide on a phone`);
  const dark = await open(session.vncUrl, { ...desktop, colorScheme: "dark" });
  await dark.getByText("Which colour do you want").first().waitFor();
  await dark.waitForFunction(() => document.getElementById("picture").naturalWidth === 1280);
  await picture(dark, "question-dark");
  await dark.close();

  await handheld.getByLabel("Your answer").fill("green");
  await handheld.getByRole("button", { name: "Answer" }).click();
  for (const each of [handheld, page]) {
    await each.getByText("The green mug costs 9.90 EUR", { exact: true }).first().waitFor();
    await each.locator("#status", { hasText: "completed" }).waitFor();
    assert.equal(await each.locator("#question").isVisible(), false);
  }
  await picture(page, "done-desktop");
  assert.equal((await session.messages()).messages.at(-1).content.price, 9.9);

  // What the agent and the page said is text, not markup.
  await page.getByText(`Looking for the shop ${hostile}`).waitFor();
  assert.equal(await page.locator("img").count(), 1);
  assert.notEqual(await page.title(), "taken");
  assert.deepEqual([...page.problems, ...handheld.problems], []);
  await handheld.close();
  await page.getByRole("link", { name: "All sessions" }).click();
  await page.getByRole("row", { name: /Find a cheap mug.*completed/ }).waitFor();
  await page.close();
});

test("a task is started, paused, resumed, cancelled and its session deleted with the keyboard", async () => {
  const held = await client.sessions.create();
  const page = await open(held.vncUrl, desktop);
  const status = (text) => page.locator("#status", { hasText: text }).waitFor();
  await status("ready");
  await page.getByLabel("New task").focus();
  await page.keyboard.type("Wait here");
  await page.keyboard.press("Enter");
  await status("running");
  await page.keyboard.press("Tab"); // Send
  await page.keyboard.press("Tab"); // Pause
  await page.keyboard.press("Space");
  await status("paused");
  assert.equal((await held.refresh()).status, "paused");
  // Pause is off now, and the keyboard is on Resume.
  await page.locator("#resume:focus").waitFor();
  await page.keyboard.press("Space");
  await status("running");
  await page.getByRole("button", { name: "Cancel task" }).press("Enter");
  await status("ready");
  page.on("dialog", (dialog) => dialog.accept());
  await page.getByRole("button", { name: "Delete session" }).press("Enter");
  await status("terminated");
  await page.getByText("The session is deleted.").waitFor();
  await assert.rejects(held.refresh(), NotFoundError);
  assert.deepEqual(page.problems, []);
  await page.close();
});

test("a deleted session is said to be deleted, also where that news is faster than the answer", {
  timeout: 60_000,
}, async () => {
  const held = await client.sessions.create();
  const page = await open(held.vncUrl, desktop);
  await page.locator("#status", { hasText: "ready" }).waitFor();
  page.on("dialog", (dialog) => dialog.accept());
  await page.evaluate(() => {
    const real = window.fetch;
    window.answered = new Promise((answered) => {
      window.fetch = async (...request) => {
        const answer = await real(...request);
        while (document.getElementById("note").textContent !== "The session is deleted.") {
          await new Promise(requestAnimationFrame);
        }
        // Once the page has dealt with the answer.
        setTimeout(answered);
        return answer;
      };
    });
  });
  await page.getByRole("button", { name: "Delete session" }).click();
  await page.evaluate(() => window.answered);
  assert.ok(await page.getByText("The session is deleted.").isVisible());
  await page.close();
});

test("the page says when the emulator is gone", async () => {
  const other = await Emulator.start();
  const page = await browser.newPage();
  await page.goto(other.liveUrl);
  await page.getByText("No sessions.").waitFor();
  await other.close();
  await page.getByText("The emulator does not answer.").waitFor();
  await page.close();
  await until(() => emulator.openStreams === 0);
});
