// A service that puts all it says into envelopes, {"envelope": "{...}"}: two functions open them.

import { Emulator, Raccoon } from "sessionwire";

const opened = (value) => (value?.envelope === undefined ? value : JSON.parse(value.envelope));

const emulator = await Emulator.start({ dialect: { envelope: "all" } });
const client = new Raccoon({
  baseUrl: emulator.raccoonUrl,
  apiKey: emulator.apiKey,
  decodeFrame: opened,
  decodeAnswer: (_operation, _status, body) => opened(body),
});
try {
  const result = await client.runTurn("Say hello");
  console.log(result.text);
} finally {
  await client.close();
  await emulator.close();
}
