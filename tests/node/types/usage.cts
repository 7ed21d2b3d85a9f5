// The same package from CommonJS TypeScript.

import sessionwire = require("sessionwire");

export async function commonJs(): Promise<string> {
  const client: sessionwire.Agi = new sessionwire.Agi();
  const result: sessionwire.TaskResult = await client.runTask("x", { timeout: 5 });
  return result.text;
}
