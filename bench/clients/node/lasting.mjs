// Memory over many streams or calls: `lasting.mjs streams|calls BASE_URL COUNT`.
// Prints what the process holds after 10, 50 and 100 percent of them, and a tenth before to warm up.

import { Agi } from "sessionwire";

import { apiKey } from "./measure.mjs";

const [work, baseUrl, text] = process.argv.slice(2);
const count = Number(text);
const marks = [Math.floor(count / 10), Math.floor(count / 2), count];
const client = new Agi({ baseUrl, apiKey });
const session = client.sessions.attach("n3-s120-each");

const works = {
  // The sum of the ids of a stream: 1 + 2 + 3, and 4 of its done.
  async streams() {
    let sum = 0;
    for await (const event of session.events()) sum += event.data.message_id;
    return sum;
  },
  async calls() {
    return (await session.executionStatus()) === "finished" ? 1 : 0;
  },
};

for (let number = 0; number < count / 10; number++) await works[work]();
let total = 0;
const kib = [];
for (let number = 1; number <= count; number++) {
  total += await works[work]();
  if (marks.includes(number)) {
    globalThis.gc?.();
    kib.push(process.memoryUsage.rss() / 1024);
  }
}
if (total !== count * (work === "streams" ? 10 : 1)) {
  throw new Error(`${total} after ${count} ${work}`);
}
await client.close();
console.log(JSON.stringify({ count, kib }));
