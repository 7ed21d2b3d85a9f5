// The newest undici that runs on this Node: 8 needs 22.19.

const [major, minor] = process.versions.node.split(".").map(Number);
const newest = major > 22 || (major === 22 && minor >= 19);
export const { Agent, FormData, Pool, WebSocket, request } = await import(
  newest ? "undici" : "undici-7"
);
