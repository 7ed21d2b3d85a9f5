// undici's own request, on a pool.

import { openAsBlob } from "node:fs";

import { calls, file } from "./calls.mjs";
import { FormData, Pool } from "./undici_of_node.mjs";

await calls(async (baseUrl, apiKey) => {
  const pool = new Pool(baseUrl, { connections: 64 });
  const headers = { authorization: `Bearer ${apiKey}` };
  async function upload() {
    const form = new FormData();
    form.append("key", "session/file");
    form.append("file", await openAsBlob(file), "file");
    const path = "/media/upload";
    const { statusCode, body } = await pool.request({ method: "PUT", path, headers, body: form });
    if (statusCode !== 200) throw new Error(`status ${statusCode}`);
    return (await body.json()).size;
  }
  return { upload, close: () => pool.close() };
});
