// A client's begin: `start.mjs BASE_URL cold|create CLIENT COUNT`.
//
// `cold` is all of a short program: it imports a client, makes one call, prints the answer. Whoever
// started it measures. `create` makes COUNT clients and prints what each took.

const [baseUrl, work, name, count] = process.argv.slice(2);
const apiKey = "bench-key";
const headers = { authorization: `Bearer ${apiKey}` };
const status = "/v1/sessions/n1-s120-each/status";

const cold = {
  async sessionwire() {
    const { Agi } = await import("sessionwire");
    const client = new Agi({ baseUrl, apiKey });
    const answer = await client.sessions.attach("n1-s120-each").executionStatus();
    await client.close();
    return answer;
  },
  async fetch() {
    const response = await fetch(baseUrl + status, { headers });
    return (await response.json()).status;
  },
  async undici() {
    const { request } = await import("./undici_of_node.mjs");
    const { body } = await request(baseUrl + status, { headers });
    return (await body.json()).status;
  },
  async openai() {
    const { default: OpenAI } = await import("openai");
    const client = new OpenAI({ apiKey, baseURL: `${baseUrl}/v1` });
    return (await client.get(status.slice(3))).status;
  },
};

const makers = {
  async sessionwire() {
    const { Agi } = await import("sessionwire");
    return () => new Agi({ baseUrl, apiKey });
  },
  async undici() {
    const { Pool } = await import("./undici_of_node.mjs");
    return () => new Pool(baseUrl, { connections: 64 });
  },
  async openai() {
    const { default: OpenAI } = await import("openai");
    return () => new OpenAI({ apiKey, baseURL: `${baseUrl}/v1` });
  },
};

async function create(make) {
  const took = [];
  for (let i = 0; i < Number(count); i++) {
    const start = process.hrtime.bigint();
    const client = make();
    took.push(Number(process.hrtime.bigint() - start) / 1e3);
    await client.close?.();
  }
  return took.sort((a, b) => a - b);
}

if (work === "cold") {
  console.log(await cold[name]());
} else {
  const make = await makers[name]();
  await create(make);
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  const took = await create(make);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const { user, system } = process.cpuUsage(cpu);
  const at = (share) => took[Math.floor(took.length * share)];
  const figures = { calls: took.length, seconds, cpu: (user + system) / 1e6 };
  console.log(JSON.stringify({ ...figures, p50: at(0.5), p99: at(0.99) }));
}
