// Node's own fetch.

import { calls, session } from "./calls.mjs";

await calls(async (baseUrl, apiKey) => {
  const headers = { authorization: `Bearer ${apiKey}` };
  async function get(path) {
    const response = await fetch(`${baseUrl}/v1/sessions/${session}/${path}`, { headers });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return response.json();
  }
  return {
    status: async () => (await get("status")).status,
    screenshot: async () => {
      const { screenshot } = await get("screenshot");
      return Buffer.from(screenshot.slice(screenshot.indexOf(",") + 1), "base64");
    },
    close: () => {},
  };
});
