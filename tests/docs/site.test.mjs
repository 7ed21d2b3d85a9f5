// The site as it was built: every link leads somewhere, nothing is asked of anybody else, the search works
// from a folder, and axe finds nothing on any page, in light, in dark and on a phone.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { desktop, findChromium, phone, picture } from "../browser/helpers.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const built = process.env.DOCS ?? join(root, "target/docs");
const site = join(built, "site");
const own = "https://sessionwire.github.io/sessionwire/";
const repository = "https://github.com/sessionwire/sessionwire/";
const pages = readdirSync(site, { recursive: true })
  .filter((file) => file.endsWith(".html") && file !== "404.html")
  .sort();
const address = (file) => pathToFileURL(join(site, file)).href;
/** On these axe takes minutes for the contrast of colours alone; they are made like the other pages of the reference. */
const LONG = ["reference/python.html", "reference/node.html"];

/** Pages with everything that a page can have, for the other two looks. */
const SOME = [
  "index.html",
  "quickstart.html",
  "webhooks.html",
  "errors.html",
  "contract.html",
  "emulator.html",
  "reference/scenarios.html",
];

const texts = new Map();
function text(file) {
  if (!texts.has(file)) texts.set(file, readFileSync(file, "utf8"));
  return texts.get(file);
}

const entities = { "&amp;": "&", "&quot;": '"', "&#39;": "'", "&lt;": "<", "&gt;": ">" };
const decoded = (value) =>
  decodeURI(value.replace(/&(amp|quot|#39|lt|gt);/g, (name) => entities[name]));

/** What is wrong with a link of a page, or nothing. */
function wrong(page, link) {
  let [path, anchor] = decoded(link).split("#");
  if (path.startsWith(own))
    path = relative(dirname(page), path.slice(own.length) || "index.html") || page;
  else if (path.startsWith(repository)) {
    const file = /^(?:blob|tree|raw)\/main\/(.+)$/.exec(path.slice(repository.length));
    return file === null || existsSync(join(root, file[1]))
      ? undefined
      : `${link}: no such file in the repository`;
  } else if (/^[a-z]+:/.test(path)) return undefined;
  const target = path === "" ? join(site, page) : resolve(site, dirname(page), path);
  if (!existsSync(target)) return `${link}: no such page`;
  if (!anchor || !target.endsWith(".html")) return undefined;
  return text(target).includes(`id="${anchor}"`) ? undefined : `${link}: no such heading`;
}

test("every link of the site leads somewhere", () => {
  assert.ok(pages.length > 40, String(pages.length));
  let count = 0;
  const found = [];
  for (const page of pages) {
    const links = text(join(site, page)).matchAll(
      /<(?:a|link|img|script)\b[^>]*?\s(?:href|src)="([^"]*)"/g,
    );
    for (const [, link] of links) {
      count += 1;
      const problem = wrong(page, link);
      if (problem) found.push(`${page}: ${problem}`);
    }
  }
  console.log(`${count} links of ${pages.length} pages`);
  assert.deepEqual(found, []);
});

test("a planted link that leads nowhere is found", () => {
  assert.match(wrong("index.html", "nowhere.html"), /no such page/);
  assert.match(wrong("index.html", "quickstart.html#nowhere"), /no such heading/);
  assert.match(wrong("spec/agi.html", `${own}nowhere.html`), /no such page/);
  assert.match(wrong("index.html", `${repository}blob/main/nowhere`), /no such file/);
});

test("each page has its twin in Markdown, and llms.txt names it", () => {
  const llms = readFileSync(join(site, "llms.txt"), "utf8");
  const named = Array.from(llms.matchAll(/\]\((https:[^)]+)\)/g), ([, link]) => link);
  assert.ok(named.length > 30, String(named.length));
  for (const link of named) assert.ok(existsSync(join(site, link.slice(own.length))), link);
  for (const page of pages) {
    const twin = join(site, page.replace(/html$/, "md"));
    assert.match(readFileSync(twin, "utf8"), /^(?:<!--[\s\S]*?-->\s*)?# /, page);
  }
  for (const [place] of llms.matchAll(/^## .+$/gm)) assert.ok(place);
  assert.ok(readFileSync(join(site, "llms-full.txt"), "utf8").length > 100_000);
});

let browser;
before(async () => {
  const args = ["--no-sandbox", "--allow-file-access-from-files"];
  browser = await chromium.launch({ executablePath: findChromium(), args });
});
after(() => browser?.close());

/** A page; what goes wrong in it, and what it asks of others, is in `problems`. */
async function open(file, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("console", (line) => line.type() === "error" && page.problems.push(line.text()));
  page.on("request", (request) => {
    if (!/^(file|data|blob):/.test(request.url())) page.problems.push(`asks for ${request.url()}`);
  });
  await page.goto(address(file), { waitUntil: "load" });
  return page;
}

test("the search finds a page without a network", async () => {
  const page = await open("index.html", desktop);
  await page.keyboard.press("Control+k");
  // At once: while it is typed, there are results for the first words alone.
  await page.keyboard.insertText("sessions that dead processes left");
  await picture(page, "site-search");
  // The list of results is in a closed shadow root. The keyboard reaches it, once it is there.
  const opened = (url) => url.search !== "";
  for (let tries = 0; !opened(new URL(page.url())) && tries < 40; tries += 1) {
    await page.keyboard.press("Enter");
    await page.waitForURL(opened, { timeout: 500 }).catch(() => {});
  }
  assert.match(page.url(), /(ledger|nothing-left-behind)\.html\?h=/);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("a tab that is chosen is chosen on every page", async () => {
  const page = await open("quickstart.html", desktop);
  await page.locator(".tabbed-labels label", { hasText: "Node" }).nth(1).click();
  await page.locator("code", { hasText: "npm install" }).first().waitFor({ state: "visible" });
  await page.goto(address("first-task.html"));
  await page.locator("code", { hasText: "Emulator.start()" }).first().waitFor({ state: "visible" });
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

const axe = readFileSync(join(built, "node_modules/axe-core/axe.min.js"), "utf8");

/** What axe finds on the page as it looks now, and whether it is wider than the screen. */
async function looked(page, name, rules = {}) {
  const violations = await page.evaluate(
    async (rules) =>
      (await globalThis.axe.run({ resultTypes: ["violations"], rules })).violations.map(
        ({ id, nodes }) => `${id}: ${nodes.length} times, such as ${nodes[0].html.slice(0, 120)}`,
      ),
    rules,
  );
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) violations.push(`${wide} pixels wider than the screen`);
  return violations.map((violation) => `${name}: ${violation}`);
}

/** Opens each of the pages, two at a time, and gives what is found on them. */
async function onEach(files, options, look) {
  const found = [];
  const left = [...files];
  const work = async () => {
    for (let file = left.shift(); file; file = left.shift()) {
      const page = await open(file, { ...options, reducedMotion: "reduce" });
      await page.evaluate(axe);
      found.push(...(await look(page, file)));
      found.push(...page.problems.map((problem) => `${file}: ${problem}`));
      await page.context().close();
    }
  };
  await Promise.all([work(), work()]);
  return found;
}

/** A picture of the pages that a person looks at. */
const pictured = async (page, file, look) => {
  if (["index.html", "quickstart.html"].includes(file)) await picture(page, `site-${look}-${file}`);
};

async function inTheDark(page) {
  await page.emulateMedia({ colorScheme: "dark" });
  await page.locator('body[data-md-color-scheme="slate"]').waitFor();
}

test("axe finds nothing on any page: in light, and in dark and narrow", async () => {
  const files = pages.filter((page) => !LONG.includes(page));
  const found = await onEach(files, { ...desktop, colorScheme: "light" }, async (page, file) => {
    const found = await looked(page, `${file}, light`);
    await pictured(page, file, "light");
    await inTheDark(page);
    await page.setViewportSize(phone.viewport);
    return [...found, ...(await looked(page, `${file}, dark and narrow`))];
  });
  assert.deepEqual(found, []);
  assert.ok(files.length > 70, String(files.length));
});

test("axe finds nothing on the longest pages, but for the contrast of colours", async () => {
  const without = { "color-contrast": { enabled: false } };
  const found = await onEach(LONG, desktop, (page, file) => looked(page, file, without));
  assert.deepEqual(found, []);
});

test("axe finds nothing on a wide screen in dark, and on a phone in light", async () => {
  const dark = await onEach(SOME, desktop, async (page, file) => {
    await inTheDark(page);
    await pictured(page, file, "dark");
    return looked(page, `${file}, dark`);
  });
  const onPhone = await onEach(SOME, { ...phone, colorScheme: "light" }, async (page, file) => {
    await pictured(page, file, "phone");
    return looked(page, `${file}, phone`);
  });
  assert.deepEqual([...dark, ...onPhone], []);
});
