// A list of many sessions: `growth_list.mjs CLIENT BASE_URL SESSIONS`; the key asks for so many.

const [name, baseUrl, text] = process.argv.slice(2);
const count = Number(text);
const rounds = 7;

const listers = {
  async sessionwire(apiKey) {
    const { Agi } = await import("sessionwire");
    const client = new Agi({ baseUrl, apiKey });
    return async () => (await client.sessions.list()).map((session) => session.sessionId);
  },
  async fetch(apiKey) {
    const headers = { authorization: `Bearer ${apiKey}` };
    return async () => {
      const response = await fetch(`${baseUrl}/v1/sessions`, { headers });
      return (await response.json()).map((session) => session.session_id);
    };
  },
};

const one = await listers[name]("list-1");
const list = await listers[name](`list-${count}`);
for (let i = 0; i < rounds; i++) await one();
globalThis.gc?.();
const before = process.memoryUsage.rss();
const took = [];
let ids = [];
for (let i = 0; i < rounds; i++) {
  const start = process.hrtime.bigint();
  ids = await list();
  took.push(Number(process.hrtime.bigint() - start) / 1e9);
}
const kib = (process.memoryUsage.rss() - before) / 1024;
if (ids.length !== count || ids.at(-1) !== `s${String(count).padStart(9, "0")}`) {
  throw new Error(`${name} listed ${ids.length} sessions up to ${ids.at(-1)}`);
}
// The fastest counts: what disturbs a long list more often does not bend the growth.
const seconds = Math.min(...took);
process.stdout.write(`${JSON.stringify({ seconds, kib })}\n`, () => process.exit(0));
