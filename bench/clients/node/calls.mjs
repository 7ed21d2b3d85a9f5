// What every Node client of the calls shares: how they are made, timed and checked.

import { statSync } from "node:fs";

import { apiKey } from "./measure.mjs";

// What an upload sends.
export const file = process.argv[5];
export const session = "n1-s120-each";
const atOnce = 64;

/** Makes `count` calls of `status`, `screenshot` or `upload`, one after another or many at once. */
export async function calls(connect) {
  const [baseUrl, work, text] = process.argv.slice(2);
  const count = Number(text);
  const { status, screenshot, upload, close } = await connect(baseUrl, apiKey);
  const call = { screenshot, upload }[work] ?? status;
  const width = work === "at-once" ? atOnce : 1;

  async function share(number) {
    const took = [];
    for (let i = 0; i < number; i++) {
      const start = process.hrtime.bigint();
      check(work, await call());
      took.push(Number(process.hrtime.bigint() - start) / 1e3);
    }
    return took;
  }

  async function spread(number) {
    const each = Math.max(1, Math.floor(number / width));
    return (await Promise.all(Array.from({ length: width }, () => share(each)))).flat();
  }

  await spread(count / 10);
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  const took = await spread(count);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const { user, system } = process.cpuUsage(cpu);
  took.sort((a, b) => a - b);
  const at = (share) => took[Math.floor(took.length * share)];
  console.log(
    JSON.stringify({
      calls: took.length,
      seconds,
      cpu: (user + system) / 1e6,
      p50: at(0.5),
      p99: at(0.99),
    }),
  );
  await close();
}

function check(work, value) {
  const ok =
    work === "screenshot"
      ? value.length > 200_000 && value[0] === 0xff && value[1] === 0xd8
      : value === (work === "upload" ? statSync(file).size : "finished");
  if (!ok) throw new Error(`a call of ${work} gave ${String(value).slice(0, 80)}`);
}
