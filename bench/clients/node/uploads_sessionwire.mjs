// sessionwire.

import { Raccoon } from "sessionwire";

import { calls, file } from "./calls.mjs";

await calls(async (baseUrl, apiKey) => {
  const client = new Raccoon({ baseUrl, apiKey });
  const session = client.session();
  return {
    upload: async () => (await session.upload(file)).size,
    close: () => client.close(),
  };
});
