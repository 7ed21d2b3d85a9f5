// What every Node client shares: the clock around its loop, and the line it prints.

export const apiKey = "bench-key";

/** Runs `consume(baseUrl, sessionId)` once to warm up and once measured. */
export async function measure(consume) {
  const [baseUrl, warmUp, sessionId] = process.argv.slice(2);
  await consume(baseUrl, warmUp);
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  const { events, total } = await consume(baseUrl, sessionId);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const { user, system } = process.cpuUsage(cpu);
  globalThis.gc?.();
  const kib = (process.memoryUsage.rss() - before) / 1024;
  console.log(JSON.stringify({ events, sum: total, seconds, cpu: (user + system) / 1e6, kib }));
}
