// Node's own fetch.

import { openAsBlob } from "node:fs";

import { calls, file } from "./calls.mjs";

await calls(async (baseUrl, apiKey) => {
  const headers = { authorization: `Bearer ${apiKey}` };
  async function upload() {
    const body = new FormData();
    body.append("key", "session/file");
    body.append("file", await openAsBlob(file), "file");
    const response = await fetch(`${baseUrl}/media/upload`, { method: "PUT", headers, body });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return (await response.json()).size;
  }
  return { upload, close: () => {} };
});
