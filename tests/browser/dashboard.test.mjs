// The dashboard and the live view as a person meets them: what is seen in one look, on a phone, in the dark, and what axe finds.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { Emulator } from "sessionwire";
import { until, using } from "../node/helpers.mjs";
import { desktop, launch, openPage, phone, picture } from "./helpers.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser;
let emulator;
let client;
let receiver;
let hook;

before(async () => {
  let calls = 0;
  receiver = createServer((_, response) => {
    calls += 1;
    response.writeHead(calls === 2 ? 500 : 204).end();
  }).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  hook = `http://127.0.0.1:${receiver.address().port}/hook`;
  emulator = await Emulator.start({ browser: "builtin" });
  const steps = Array.from({ length: 40 }, (_, n) => ({
    thought: `Comparing offer ${n + 1} with the ones before`,
  }));
  emulator.scenario({
    tasks: [
      {
        match: "mug",
        steps: [
          ...steps,
          { question: "There are two mugs. Which colour do you want: blue or green?" },
          {
            done: {
              summary: "The {answer} mug costs 9.90 EUR",
              price: 9.9,
              offers: Array.from({ length: 30 }, (_, n) => n),
            },
          },
        ],
      },
      {
        match: "fail",
        steps: [{ thought: "Trying" }, { error: "The shop is closed", status_code: 502 }],
      },
      { match: "", steps: [{ thought: "Waiting for the tickets" }, { delay: 600 }] },
    ],
    turns: [{ steps: [{ thought: "Reading the report" }, { wait_for_stop: true }] }],
  });
  client = emulator.agi();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await client?.close();
  await emulator?.close();
  receiver?.close();
});

const open = (url, options) => openPage(browser, emulator.url, url, options);

/** What axe finds. Its script comes by the debugger: the page's policy lets no other in. */
async function faultsOf(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axe });
  const { result } = await session.send("Runtime.evaluate", {
    expression:
      "axe.run(document).then(({ violations }) => JSON.stringify(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])))",
    awaitPromise: true,
    returnByValue: true,
  });
  return JSON.parse(result.value);
}

/** Whether all of an element is on the screen, and nothing lies over it. */
const isSeen = (page, selector) =>
  page.locator(selector).evaluate((node) => {
    const box = node.getBoundingClientRect();
    const list = (node.closest("#log") ?? document.documentElement).getBoundingClientRect();
    const inList = box.bottom <= list.bottom + 1 && box.top >= list.top - 1;
    return (
      inList &&
      box.top >= 0 &&
      box.bottom <= innerHeight &&
      document.documentElement.scrollHeight <= innerHeight
    );
  });

test("at 1280 x 800 the newest event, the question and the result are seen without scrolling", async () => {
  const session = await client.sessions.create({ webhookUrl: hook });
  await session.sendMessage("Find a cheap mug");
  const page = await open(session.vncUrl, desktop);
  await page.getByRole("heading", { name: "The agent asks" }).waitFor();
  await page.locator(".event.question").waitFor();
  await page.waitForFunction(() => document.getElementById("picture").naturalWidth === 1280);
  await picture(page, "look-question-desktop");
  assert.ok(await isSeen(page, "#events > :last-child"), "the newest event");
  assert.ok(await isSeen(page, "#question"), "the question");
  assert.deepEqual(await faultsOf(page), []);
  await page.getByLabel("Your answer").fill("green");
  await page.getByRole("button", { name: "Answer" }).click();
  await page.getByRole("region", { name: "Result" }).waitFor();
  assert.equal(await page.locator("#result-text").textContent(), "The green mug costs 9.90 EUR");
  await picture(page, "look-result-desktop");
  assert.ok(await isSeen(page, "#result"), "the result");
  assert.ok(await isSeen(page, "#events > :last-child"), "the end");
  assert.deepEqual(await faultsOf(page), []);
  for (const [name, options] of [
    ["look-result-phone", phone],
    ["look-result-dark", { ...desktop, colorScheme: "dark" }],
  ]) {
    const other = await open(session.vncUrl, options);
    await other.getByRole("region", { name: "Result" }).waitFor();
    await other.waitForFunction(() => document.getElementById("picture").naturalWidth === 1280);
    await picture(other, name);
    assert.deepEqual(await faultsOf(other), []);
    const box = await other.locator("#result-text").boundingBox();
    assert.ok(
      box.y + box.height < (options.viewport.height ?? 0),
      "the result is on the first screen",
    );
    await other.close();
  }
  // A new task takes the old result away.
  await page.getByLabel("New task").fill("Let it fail");
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("heading", { name: "The task failed" }).waitFor();
  assert.match(
    await page.locator("#result-text").textContent(),
    /The shop is closed \(status 502\)/,
  );
  assert.deepEqual(page.problems, []);
  await page.close();
});

test("the dashboard shows sessions with their step, requests with bodies and webhooks, and presses faults", async () => {
  const waiting = await client.sessions.create();
  await waiting.sendMessage("Wait for the concert");
  const raccoon = emulator.raccoon();
  await raccoon.session().startTurn("Sum the report up");
  const world = emulator.world("key-of-a-tester-1234");
  await using(world.agi(), (other) => other.sessions.create());
  const page = await open(emulator.liveUrl, desktop);
  await page
    .getByRole("row", {
      name: /Wait for the concert.*thought: Waiting for the tickets.*tasks\[2\], step 2 of 2/,
    })
    .waitFor();
  await page
    .getByRole("row", {
      name: /Sum the report up.*turns\[0\], step 2 of 2.*running.*Raccoon, 1 turn/,
    })
    .waitFor();
  const worlds = page.getByRole("list", { name: "Worlds" });
  await worlds.getByText("key-…234").waitFor();
  assert.match(await worlds.textContent(), /Default .*key-…234 1 session, 1 request/);
  const request = page.locator("#requests details", { hasText: "/message" }).first();
  await request.locator("summary").click();
  await request.getByText('"message": "Wait for the concert"').waitFor();
  await page.locator("#webhooks").getByText("task.completed").waitFor();
  await page.locator("#webhooks").getByText("will be tried again").waitFor();
  await picture(page, "dashboard-desktop");
  assert.deepEqual(await faultsOf(page), []);
  const fits = await page.evaluate(() => document.documentElement.scrollHeight <= innerHeight);
  assert.ok(fits, "the dashboard is seen in one look");

  const delivered = () => emulator.webhookAttempts().length;
  const before = delivered();
  const again = page.getByRole("button", { name: "Send again: task.completed" }).first();
  await again.click();
  await until(() => delivered() > before);
  await page.waitForFunction(
    (count) => document.getElementById("webhook-count").textContent === String(count),
    delivered(),
  );
  // The button is gone with its row, and the keyboard goes on in the list.
  await page.waitForFunction(() => document.activeElement.id === "webhooks");

  await page.getByRole("button", { name: "Next request: 500" }).click();
  await page.getByLabel("Faults that wait").getByText("* status=500").waitFor();
  assert.equal(emulator.faults().length, 1);
  await page.getByLabel("Another fault").fill("create status=503 times=2");
  await page.keyboard.press("Enter");
  await page.getByLabel("Faults that wait").getByText("create status=503 times=2").waitFor();
  await page.getByLabel("Another fault").fill("create cut_after=1");
  await page.keyboard.press("Enter");
  await page.locator("#fault-note").waitFor();
  await picture(page, "dashboard-faults");
  assert.deepEqual(await faultsOf(page), []);
  await page.getByRole("button", { name: "Take all faults back" }).click();
  await page.getByRole("button", { name: "Take all faults back" }).waitFor({ state: "hidden" });
  assert.equal(emulator.faults().length, 0);
  // The refused fault is an error of the console, and nothing else.
  assert.ok(
    page.problems.every((problem) => problem.includes("422")),
    String(page.problems),
  );

  for (const [name, options] of [
    ["dashboard-phone", phone],
    ["dashboard-dark", { ...desktop, colorScheme: "dark" }],
  ]) {
    const other = await open(emulator.liveUrl, options);
    await other.locator("#requests details").first().waitFor();
    await other.locator("#webhooks li").first().waitFor();
    await picture(other, name);
    assert.deepEqual(await faultsOf(other), []);
    const wide = await other.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= options.viewport.width, `the page is ${wide} wide`);
    await other.close();
  }
  await page.close();
  await raccoon.close();
  await world.close();
});
