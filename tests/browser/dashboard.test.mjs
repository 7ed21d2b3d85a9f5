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
  const choice = page.getByLabel("World");
  await choice.locator("option", { hasText: "key-…234" }).waitFor({ state: "attached" });
  assert.match(
    await choice.textContent(),
    /Default world.*World 1, key-…234: 1 session, 1 request/,
  );
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
  // The row stays as it is, and so does the keyboard's place.
  await page.waitForFunction(() => document.activeElement.textContent === "Send again");

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

test("a request whose connection was reset, or whose client left, is not open any more", () =>
  dashboardOf(async (own, page) => {
    own.fail("models reset");
    await fetch(`${own.url}/v1/models`, headersOf(own)).catch(() => {});
    await page.locator("#requests summary", { hasText: "reset" }).waitFor();
    own.fail("models hang");
    const left = new AbortController();
    const hangs = fetch(`${own.url}/v1/models`, { ...headersOf(own), signal: left.signal });
    await page.locator("#requests summary", { hasText: "open" }).waitFor();
    left.abort();
    await hangs.catch(() => {});
    await page.locator("#requests summary", { hasText: "left" }).waitFor();
    await page.locator("#requests summary", { hasText: "open" }).waitFor({ state: "detached" });
  }));

test("what one reads stays open, where it is, and selected, while more requests come", () =>
  dashboardOf(async (own, page) => {
    const ask = (path) => fetch(`${own.url}/v1/${path}`, headersOf(own));
    await ask("models?first=1");
    const first = page.locator("#requests details", { hasText: "first=1" });
    await first.locator("summary").click();
    await first.evaluate((node) => {
      node.dataset.mine = "yes";
      getSelection().selectAllChildren(node.querySelector("pre"));
    });
    // More than the list holds, so that the oldest go.
    for (let n = 0; n < 70; n += 1) await ask(`models?n=${n}`);
    await page.locator("#requests details", { hasText: "n=69" }).waitFor();
    assert.equal(await first.evaluate((node) => node.open && node.dataset.mine), "yes");
    assert.notEqual(await page.evaluate(() => String(getSelection())), "");
    await page.locator("#requests details", { hasText: "n=69" }).locator("summary").click();
    for (let n = 70; n < 130; n += 1) await ask(`models?n=${n}`);
    await page.locator("#requests details", { hasText: "n=129" }).waitFor();
    assert.ok(
      await page.locator("#requests details", { hasText: "n=69" }).evaluate((it) => it.open),
    );
    assert.equal(await page.locator("#requests details").count(), 100);
  }));

test("a world is chosen at the top: its requests, webhooks and faults, and each session says its own", () =>
  dashboardOf(async (own, page) => {
    const keys = [
      "key-a",
      "key-b",
      ...Array.from({ length: 14 }, (_, n) => `key-of-tester-${n}-1234`),
    ];
    const worlds = keys.map((key) => own.world(key));
    await using(worlds[1].agi(), (other) => other.sessions.create({ goal: "of the second" }));
    const choice = page.getByLabel("World");
    await page.waitForFunction(() => document.querySelectorAll("#world option").length === 17);
    const names = await choice.locator("option").allTextContents();
    assert.equal(new Set(names.map((name) => name.split(":")[0])).size, 17, "each has its name");
    assert.match(names[0], /^Default world: 0 sessions, 0 requests/);
    assert.match(names[2], /^World 2, k…: 1 session, 1 request/);
    assert.ok(names.every((name) => !keys.some((key) => name.includes(key))));
    await page.getByRole("row", { name: /World 2, k…/ }).waitFor();
    assert.equal(await page.locator("#requests li").count(), 0);
    await choice.selectOption({ index: 2 });
    await page.locator("#requests", { hasText: "of the second" }).waitFor();

    // Faults go to the chosen world, and each has a button that takes it back alone.
    await page.getByRole("button", { name: "Next request: 500" }).click();
    await page.getByLabel("Another fault").fill("events cut_after=1 times=2");
    await page.keyboard.press("Enter");
    await page.getByLabel("Another fault").fill(`create status=503 ${"body=".padEnd(200, "x")}`);
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelectorAll("#armed li").length === 3);
    assert.deepEqual([own.faults().length, worlds[1].faults().length], [0, 3]);
    await picture(page, "dashboard-world");
    assert.deepEqual(await faultsOf(page), []);
    const out = await page.locator(".faults").evaluate((section) => {
      const { right, left } = section.getBoundingClientRect();
      return [...section.querySelectorAll("button")]
        .filter((button) => !button.hidden)
        .map((button) => [button.textContent, button.getBoundingClientRect()])
        .filter(([, box]) => box.right > right || box.left < left || box.width < 40)
        .map(([name]) => name);
    });
    assert.deepEqual(out, [], "every button is in its row");
    assert.ok(await isSeen(page, "#clear"), "no fault pushes it away");
    assert.ok(await isSeen(page, "#armed li:first-child button"), "the first that waits is seen");
    await page.getByRole("button", { name: "Take back: events cut_after=1 times=2" }).click();
    await page.waitForFunction(() => document.querySelectorAll("#armed li").length === 2);
    assert.deepEqual(
      worlds[1].faults().map((it) => it.split(" ")[0]),
      ["*", "create"],
    );
    // The choice outlives a reload; a world that ends gives way to the default one.
    await page.reload();
    await page.locator("#requests", { hasText: "of the second" }).waitFor();
    await worlds[1].close();
    await page.waitForFunction(() => document.getElementById("world").value === "0");
    for (const other of worlds) await other.close();
    await choice.waitFor({ state: "hidden" });
    assert.deepEqual(page.problems, []);
  }));

test("the choice of a world fits a phone and the dark", async () => {
  await dashboardOf(async (own) => {
    const worlds = ["key-a", "key-of-a-tester-1234"].map((key) => own.world(key));
    await using(worlds[1].agi(), (other) => other.sessions.create());
    worlds[1].fail("events cut_after=1");
    for (const [name, options] of [
      ["dashboard-world-phone", phone],
      ["dashboard-world-dark", { ...desktop, colorScheme: "dark" }],
    ]) {
      const page = await openPage(browser, own.url, own.liveUrl, options);
      await page.getByLabel("World").selectOption({ index: 2 });
      await page.locator("#requests details").first().waitFor();
      await page.locator("#armed li").first().waitFor();
      await picture(page, name);
      assert.deepEqual(await faultsOf(page), []);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= options.viewport.width, `the page is ${wide} wide`);
      await page.close();
    }
    for (const other of worlds) await other.close();
  });
});

const headersOf = (own) => ({ headers: { authorization: `Bearer ${own.apiKey}` } });

/** An emulator of one test's own, and its dashboard. */
async function dashboardOf(work) {
  const own = await Emulator.start({ browser: "builtin" });
  try {
    const page = await openPage(browser, own.url, own.liveUrl, desktop);
    await page.locator("#total", { hasText: "0" }).waitFor();
    await work(own, page);
    await page.close();
  } finally {
    await own.close();
  }
}
