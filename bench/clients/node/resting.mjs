// What every Node client of the resting streams shares: many open streams, an event a second.

import { apiKey } from "./measure.mjs";

/**
 * Runs `listen(baseUrl, sessionId, streams, seen)`; it calls `seen(sent)` for an event.
 * What the first stream costs is not of the others.
 */
export async function resting(listen) {
  const [baseUrl, sessionId, streamsText, settle, seconds] = process.argv.slice(2);
  const streams = Number(streamsText);
  await listen({ baseUrl, apiKey }, "n1-s120-p1000", 1, () => {});
  globalThis.gc?.();
  const empty = process.memoryUsage.rss();
  const late = [];
  let before = 2 * streams;
  let memory = 0;
  let cpu;
  // `sent` is when the server sent the event, in nanoseconds of the machine's clock.
  const listening = listen({ baseUrl, apiKey }, sessionId, streams, (sent) => {
    if (cpu !== undefined) {
      late.push((Number(process.hrtime.bigint()) - sent) / 1e3);
    } else if (--before === 0) {
      memory = process.memoryUsage.rss() - empty;
      setTimeout(begin, Number(settle) * 1e3);
    }
  });

  // What came while streams were opened is read by now.
  function begin() {
    setTimeout(print, Number(seconds) * 1e3);
    cpu = process.cpuUsage();
  }

  function print() {
    const { user, system } = process.cpuUsage(cpu);
    late.sort((a, b) => a - b);
    const at = (share) => late[Math.floor(late.length * share)];
    const figures = {
      streams,
      events: late.length,
      kib: memory / 1024 / streams,
      cpu: (user + system) / late.length,
      p50: at(0.5),
      p99: at(0.99),
    };
    // How a thousand streams are closed is not measured.
    process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
  }

  await listening;
  throw new Error("the streams ended too soon");
}
