// What the tests in a browser share.
// SESSIONWIRE_PICTURES names a folder for screenshots.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

/** The program of a Chromium; without one the tests fail. */
export function findChromium() {
  const named = process.env.SESSIONWIRE_CHROMIUM;
  if (named) return named;
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const found = (process.env.PATH ?? "")
    .split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((file) => existsSync(file));
  if (!found) throw new Error("No Chromium found: install it, or set SESSIONWIRE_CHROMIUM.");
  return found;
}

/** A Chromium for the tests of one file. */
export function launch() {
  return chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox"] });
}

/** A page; everything that goes wrong in it fails the test. */
export async function openPage(browser, own, url, options) {
  const page = await browser.newPage(options);
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("console", (line) => line.type() === "error" && page.problems.push(line.text()));
  page.on("request", (request) => {
    if (!request.url().startsWith(own)) page.problems.push(`asks for ${request.url()}`);
  });
  await page.goto(url, { waitUntil: "load" });
  return page;
}

/** Takes a picture for a person to look at, where SESSIONWIRE_PICTURES names a folder. */
export async function picture(page, name) {
  const folder = process.env.SESSIONWIRE_PICTURES;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

export const desktop = { viewport: { width: 1280, height: 800 } };
export const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
