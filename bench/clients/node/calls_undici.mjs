// undici's own request, on a pool.

import { calls, session } from "./calls.mjs";
import { Pool } from "./undici_of_node.mjs";

await calls(async (baseUrl, apiKey) => {
  const pool = new Pool(baseUrl, { connections: 64 });
  const headers = { authorization: `Bearer ${apiKey}` };
  async function get(path) {
    const { statusCode, body } = await pool.request({
      method: "GET",
      path: `/v1/sessions/${session}/${path}`,
      headers,
    });
    if (statusCode !== 200) throw new Error(`status ${statusCode}`);
    return body.json();
  }
  return {
    status: async () => (await get("status")).status,
    screenshot: async () => {
      const { screenshot } = await get("screenshot");
      return Buffer.from(screenshot.slice(screenshot.indexOf(",") + 1), "base64");
    },
    close: () => pool.close(),
  };
});
