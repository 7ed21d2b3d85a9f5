// The pictures of the documentation, from the real programs: the live view, a notebook, a terminal.
//
// Usage: pictures.mjs FOLDER PROGRAM: where they go, and the command line.

import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { chromium } from "playwright-core";
import { Emulator } from "sessionwire";
import { findChromium } from "../../tests/browser/helpers.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const [folder, program] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const SHOP = `<!doctype html><title>Mugs</title><body style="font: 20px sans-serif; margin: 40px">
<h1>Mugs</h1><p>Blue mug, 12.50 EUR</p><p>Green mug, 9.90 EUR</p></body>`;
const steps = [
  { thought: "Looking at the shop" },
  { step: "Opening the page of mugs", url: "https://shop.example/mugs", action: "navigate" },
  { thought: "Two mugs: blue at 12.50 EUR, green at 9.90 EUR" },
  { question: "Which colour shall I order?" },
  { done: { summary: "Ordered the {answer} mug", price: 9.9 } },
];

async function liveView(browser) {
  const { createServer } = await import("node:http");
  const shop = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(SHOP);
  });
  await new Promise((done) => shop.listen(0, "127.0.0.1", done));
  const emulator = await Emulator.start({ scenario: { tasks: [{ steps }] }, stepDelay: 0 });
  const client = emulator.agi();
  const session = await client.sessions.create();
  await session.navigate(`http://127.0.0.1:${shop.address().port}/`);
  const task = await session.startTask("Order the cheapest mug");
  for await (const event of task) if (event.type === "question") break;
  const page = await browser.newPage({ viewport: { width: 1100, height: 780 } });
  await page.goto(session.vncUrl);
  await page.getByText("Which colour").first().waitFor();
  await page.waitForFunction(() => document.querySelector("img")?.naturalWidth > 0);
  await page.screenshot({ path: join(folder, "live-view.png") });
  await page.close();
  await session.delete();
  await client.close();
  await emulator.close();
  shop.close();
  shop.closeAllConnections();
}

const COLOURS = {
  1: "font-weight:bold",
  2: "opacity:.7",
  31: "color:#ff8080",
  32: "color:#7ee787",
  33: "color:#f2cc60",
  34: "color:#79c0ff",
  35: "color:#d2a8ff",
  36: "color:#56d4dd",
  90: "color:#9aa4ae",
};

const plain = stripVTControlCharacters;
const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[([\\d;]*)m`, "g");

/** What a terminal shows of an output with colours, as HTML. */
function asHtml(text) {
  const escaped = text.replace(/[&<]/g, (c) => (c === "&" ? "&amp;" : "&lt;"));
  const lines = escaped.replace(/\r\n/g, "\n").split("\n");
  // A line that is written again and again shows what was written last.
  const last = lines.map(
    (line) => line.split("\r").findLast((part) => plain(part).trim() !== "") ?? "",
  );
  let open = 0;
  // Without the line of progress, which a terminal takes back.
  const stays = last.filter((line) => !/^\d+:\d\d {2}/.test(plain(line)));
  const html = stays.join("\n").replace(COLOUR, (_, codes) => {
    const styles = codes
      .split(";")
      .map((code) => COLOURS[Number(code)])
      .filter(Boolean);
    if (styles.length > 0) {
      open += 1;
      return `<span style="${styles.join(";")}">`;
    }
    const close = "</span>".repeat(open);
    open = 0;
    return close;
  });
  return plain(html);
}

async function terminal(browser) {
  const scenario = {
    tasks: [
      {
        steps: [
          ...steps.slice(0, -1).map((step) => ({ ...step, after: 0.4 })),
          { done: "Ordered the {answer} mug, 9.90 EUR" },
        ],
      },
    ],
  };
  const emulator = await Emulator.start({ scenario, stepDelay: 0.1 });
  const command = 'sessionwire run "Order the cheapest mug" --answer green';
  const real = command.replace("sessionwire", program);
  const child = spawn("script", ["-qec", `stty cols 92; ${real}`, "/dev/null"], {
    env: {
      ...process.env,
      TERM: "xterm-256color",
      AGI_BASE_URL: emulator.url,
      AGI_API_KEY: emulator.apiKey,
    },
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  await new Promise((done) => child.on("close", done));
  await emulator.close();
  const page = await browser.newPage({ viewport: { width: 900, height: 620 } });
  await page.setContent(
    `<body style="margin:0;background:#0d1117"><pre id="t" style="margin:0;padding:18px;width:864px;white-space:pre-wrap;font:14px/1.45 'DejaVu Sans Mono',monospace;color:#e6edf3"><span style="color:#7ee787">$</span> ${command}\n${asHtml(output)}</pre>`,
  );
  await page.locator("#t").screenshot({ path: join(folder, "terminal.png") });
  await page.close();
}

async function notebook(browser) {
  const { cells } = JSON.parse(
    readFileSync(join(root, "examples/notebooks/first_task.ipynb"), "utf8"),
  );
  const shown = (cell) => cell.outputs?.map((output) => output.data?.["text/html"]).find(Boolean);
  const cell = cells.find(
    (one) =>
      one.source.join("").trimEnd().endsWith("\ntask") || one.source.join("").trim() === "task",
  );
  const html = shown(cell).join("");
  const source = cell.source.join("").replace(/[&<]/g, (c) => (c === "&" ? "&amp;" : "&lt;"));
  const page = await browser.newPage({ viewport: { width: 900, height: 700 } });
  await page.setContent(`<body style="margin:0;background:#fff"><div id="t" style="padding:18px;width:864px;font:14px sans-serif">
<pre style="background:#f6f8fa;border:1px solid #d0d7de;padding:12px;margin:0 0 12px;white-space:pre-wrap;font:13px/1.45 'DejaVu Sans Mono',monospace">${source}</pre>${html}</div>`);
  await page.locator("#t").screenshot({ path: join(folder, "notebook.png") });
  await page.close();
}

const browser = await chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox"] });
try {
  await liveView(browser);
  await terminal(browser);
  await notebook(browser);
} finally {
  await browser.close();
}
