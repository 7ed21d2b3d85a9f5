// The views of a notebook in a real browser: hostile text in every field is text. `make test-browser` runs it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { root } from "../node/helpers.mjs";
import { desktop, launch, picture } from "./helpers.mjs";

let browser;
let hostile;

before(async () => {
  const python = process.env.SESSIONWIRE_PYTHON ?? join(root, ".venv", "bin", "python");
  const options = { maxBuffer: 256 * 1024 * 1024 };
  hostile = JSON.parse(
    execFileSync(python, [join(root, "tests", "python", "notebook_views.py")], options),
  );
  browser = await launch();
});

after(() => browser?.close());

/** Shows views as a notebook does, and gives what went wrong. */
async function show(views, name) {
  const page = await browser.newPage(desktop);
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("dialog", (dialog) => problems.push(`a dialog: ${dialog.message()}`));
  page.on("popup", (popup) => problems.push(`a window: ${popup.url()}`));
  page.on("request", (request) => {
    if (!request.url().startsWith("data:image/png")) problems.push(`asks for ${request.url()}`);
  });
  // As front ends do it: a range of a document carries scripts out, `innerHTML` does not.
  await page.evaluate((parts) => {
    for (const part of parts) {
      const range = document.createRange();
      range.selectNode(document.body);
      document.body.append(range.createContextualFragment(part));
    }
    for (const details of document.querySelectorAll("details")) details.open = true;
  }, views);
  await picture(page, name);
  return { page, problems };
}

test("no hostile text runs, loads, leads away or breaks out, in any view", async () => {
  assert.equal(hostile.length, 12);
  for (const [at, views] of hostile.entries()) {
    assert.ok(Object.keys(views).length >= 13);
    const { page, problems } = await show(Object.values(views), `hostile-${at + 1}`);
    // A pointer over everything, and a click on what is no link to the web.
    await page.evaluate(() => {
      for (const element of document.querySelectorAll(".sessionwire *")) {
        for (const kind of ["mouseover", "mouseenter", "focus", "load", "error"]) {
          element.dispatchEvent(new Event(kind, { bubbles: true }));
        }
        if (!element.closest("a")) element.click();
      }
    });
    const found = await page.evaluate(() => ({
      ran: window.ran,
      tags: [...new Set([...document.body.querySelectorAll("*")].map(({ tagName }) => tagName))],
      attributes: [
        ...new Set(
          [...document.body.querySelectorAll("*")].flatMap((one) => one.getAttributeNames()),
        ),
      ],
      links: [...document.querySelectorAll("a")].map(({ protocol }) => protocol),
      outside: [...document.body.children].filter(
        (one) => one.tagName !== "STYLE" && !one.classList.contains("sessionwire"),
      ).length,
    }));
    assert.equal(found.ran, undefined, `text ${at + 1}`);
    assert.deepEqual(problems, [], `text ${at + 1}`);
    assert.equal(found.outside, 0, `text ${at + 1}`);
    const tags = "A BDI BR DETAILS DIV IMG LI SPAN STYLE SUMMARY TABLE TBODY TD TH TR UL";
    assert.deepEqual(
      found.tags.filter((tag) => !tags.split(" ").includes(tag)),
      [],
    );
    const names = ["class", "href", "target", "rel", "src", "alt", "open"];
    assert.deepEqual(
      found.attributes.filter((name) => !names.includes(name)),
      [],
    );
    assert.ok(
      found.links.every((protocol) => protocol === "http:" || protocol === "https:"),
      String(found.links),
    );
    await page.close();
  }
});

test("the text is there to be read", async () => {
  const { page } = await show([hostile[0].TaskResult], "hostile-read");
  await page.getByText("<script>window.ran = 1</script>").first().waitFor();
});
