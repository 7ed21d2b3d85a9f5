// Where a key goes: tests/contract/origins.json, for Node.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { inspect } from "node:util";
import { Agi, Raccoon, setLogger } from "sessionwire";
import { all, camelKeys, check, root, using, webSocketAnswer, webSocketFrame } from "./helpers.mjs";

const certificates = join(root, "tests/certificates");
const file = JSON.parse(readFileSync(join(root, "tests/contract/origins.json"), "utf8"));
const proxyVariables = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];
const variables = [
  ...proxyVariables,
  ...proxyVariables.map((name) => name.toLowerCase()),
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
  "NODE_EXTRA_CA_CERTS",
];

/** A server that answers as a case says, and notes the heads that it received. */
async function serve(makeServer, handle = answer) {
  const self = { heads: [], answers: {}, body: "", sockets: new Set() };
  const server = makeServer(async (socket) => {
    self.sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => self.sockets.delete(socket));
    await handle(socket, self);
  });
  // A client that does not trust the certificate hangs up.
  server.on("tlsClientError", (_, socket) => socket.destroy());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  self.port = server.address().port;
  self.received = () => self.heads.map((head) => head.split(" HTTP/1.1\r\n")[0]);
  self.close = () => {
    for (const socket of self.sockets) socket.destroy();
    server.close();
  };
  return self;
}

/** Answers one request as a case says. */
async function answer(socket, self) {
  let data = "";
  for await (const part of socket.iterator({ destroyOnReturn: false })) {
    data += part.toString("latin1");
    if (isWhole(data)) break;
  }
  if (data === "") return;
  const head = `${data.split("\r\n\r\n")[0]}\r\n`;
  self.heads.push(head);
  const [method, target] = head.split(" ");
  const said = self.answers[target];
  const socketKey = field(head, "sec-websocket-key");
  if (method === "CONNECT" && said === undefined) tunnel(socket, target);
  else if (socketKey !== undefined && said === undefined) speak(socket, socketKey);
  else respond(socket, said ?? { status: 200 }, self.body);
}

/** Speaks SOCKS 5 (RFC 1928, RFC 1929): notes where to, and for whom. */
async function relay(socket, self) {
  let data = Buffer.alloc(0);
  const parts = socket.iterator({ destroyOnReturn: false });
  const take = async (length) => {
    while (data.length < length) {
      const { value, done } = await parts.next();
      if (done) throw new Error("the client hung up");
      data = Buffer.concat([data, value]);
    }
    const taken = data.subarray(0, length);
    data = data.subarray(length);
    return taken;
  };
  const afterLength = async (skipped) => {
    await take(skipped);
    return take((await take(1))[0]);
  };
  let whose = "";
  if ((await afterLength(1)).includes(2)) {
    socket.write(Buffer.from([5, 2]));
    const user = await afterLength(1);
    const password = await afterLength(0);
    whose = ` for ${user}:${password}`;
    socket.write(Buffer.from([1, 0]));
  } else {
    socket.write(Buffer.from([5, 0]));
  }
  const named = (await take(4))[3] === 3;
  const host = named ? (await afterLength(0)).toString() : (await take(4)).join(".");
  const target = `${host}:${(await take(2)).readUInt16BE()}`;
  await parts.return();
  self.heads.push(`SOCKS5 ${target}${whose}`);
  tunnel(socket, target, Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
}

/** Whether a request is there with its body: closed with something unread, a connection is reset. */
function isWhole(data) {
  const end = data.indexOf("\r\n\r\n");
  return end >= 0 && data.length - end - 4 >= Number(field(data, "content-length") ?? 0);
}

function field(head, name) {
  return head.match(new RegExp(`^${name}: (.*)\r$`, "m"))?.[1];
}

/** Agrees to a WebSocket, sends the frames and a close. */
function speak(socket, key) {
  socket.write(webSocketAnswer(key));
  for (const frame of file.frames) socket.write(webSocketFrame(frame));
  socket.write(Buffer.from([0x88, 2, 0x03, 0xe8]));
  // Until the client has read it all.
  socket.once("end", () => socket.end());
  socket.resume();
}

function respond(socket, { status, location }, body) {
  const moved = location === undefined ? "" : `location: ${location}\r\n`;
  socket.end(
    `HTTP/1.1 ${status} Said\r\n${moved}content-type: application/json\r\nconnection: close\r\n` +
      `content-length: ${body.length}\r\n\r\n${body}`,
  );
}

function tunnel(socket, target, agreed = "HTTP/1.1 200 OK\r\n\r\n") {
  const [host, port] = target.split(":");
  const behind = connect(Number(port), host, () => {
    socket.write(agreed);
    socket.pipe(behind).pipe(socket);
  });
  behind.on("error", () => socket.destroy());
  socket.once("close", () => behind.destroy());
}

function secure(name) {
  const cert = readFileSync(join(certificates, `${name}.pem`));
  const key = readFileSync(join(certificates, `${name}.key`));
  return (handle) => createTlsServer({ cert, key }, handle);
}

after(() => setLogger(null));

function base64(text) {
  return Buffer.from(text).toString("base64");
}

/** The case with the ports, the folder and the key filled in. */
function filled(wanted, servers) {
  let text = JSON.stringify(wanted).replaceAll("{certificates}", certificates);
  text = text.replaceAll("{key}", file.key_in_a_url);
  for (const [name, { port }] of Object.entries(servers)) {
    text = text.replaceAll(`{${name}}`, port);
  }
  return JSON.parse(text);
}

function checkServers(servers, expect) {
  for (const [name, server] of Object.entries(servers)) {
    assert.deepEqual(server.received(), expect.received[name] ?? [], name);
    for (const head of server.heads) {
      const told = !(expect.without_key ?? []).includes(name);
      const knows = told && !/^(CONNECT|SOCKS5) /.test(head);
      const known = head.includes(file.key) || head.includes(file.key_in_a_url);
      assert.equal(known, knows, `the key at ${name}: ${head}`);
      if (name !== "proxy") assert.doesNotMatch(head, /proxy-authorization/i);
      else if (expect.proxy_user !== undefined) {
        const line = `\r\nproxy-authorization: Basic ${base64(expect.proxy_user)}\r\n`;
        assert.ok(head.includes(line), head);
      }
    }
  }
}

async function raccoonCall(name, { session_id: id, message_id: messageId }, client, shown) {
  const options = { maxReconnects: 0 };
  const read = (turn) =>
    using(turn, async () => {
      shown.push(inspect(turn, { depth: 9 }));
      assert.equal((await turn.result()).text, file.text);
    });
  if (name === "list") await all(client.sessions.list());
  else if (name === "get") await client.sessions.get(id);
  else if (name === "upload") {
    await client.session(id).upload(Buffer.from("hello"), { name: "a.txt" });
  } else if (name === "attach") await read(await client.attach(id, messageId, options));
  else await read(await client.session(id).startTurn("go", options));
}

for (const wanted of file.cases) {
  test(wanted.id, async () => {
    const servers = {
      service: await serve(createServer),
      stranger: await serve(createServer),
      proxy: await serve(createServer),
      secure: await serve(secure("localhost")),
      own: await serve(secure("own")),
      socks: await serve(createServer, relay),
    };
    const {
      call,
      args = {},
      env = {},
      client: options,
      answers = {},
      expect,
    } = filled(wanted, servers);
    for (const [name, server] of Object.entries(servers)) {
      server.answers = answers[name] ?? {};
      server.body = JSON.stringify(file.bodies[call]);
    }
    for (const name of variables) delete process.env[name];
    Object.assign(process.env, env);
    const log = [];
    setLogger({ debug: (line) => log.push(line), warn: (line) => log.push(line) });
    let client;
    let error;
    const shown = [];
    try {
      const Client = call.startsWith("raccoon.") ? Raccoon : Agi;
      client = new Client({
        ...camelKeys(options),
        apiKey: file.key,
        maxRetries: 0,
      });
      if (Client === Agi) await client.sessions[call](...Object.values(args));
      else await raccoonCall(call.slice("raccoon.".length), args, client, shown);
    } catch (caught) {
      error = caught;
    } finally {
      await client?.close();
      for (const server of Object.values(servers)) server.close();
      for (const name of variables) delete process.env[name];
    }
    if (expect.error === undefined) assert.equal(error, undefined, inspect(error));
    else check(error, expect.error);
    checkServers(servers, expect);
    shown.push(inspect(client, { depth: 9 }), JSON.stringify(client ?? null), inspect(log));
    shown.push(inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error ?? null));
    const user = base64(`me:${file.password}`);
    for (const secret of [file.key, file.key_in_a_url, file.password, user]) {
      for (const text of shown) assert.ok(!text.includes(secret), text);
    }
  });
}
