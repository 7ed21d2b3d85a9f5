// A registry of npm with our packages alone: real ones of this machine's platform, empty ones of the others.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { PLATFORMS } from "../../bindings-node/scripts/platforms.mjs";

const run = promisify(execFile);

/** What package managers that wait for new versions to age read. */
const LONG_AGO = "2020-01-01T00:00:00.000Z";

/** Serves these tarballs; `folder` is a place for the empty ones. */
export async function registryOf(tarballs, folder) {
  const files = new Map();
  const documents = new Map();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const file = files.get(pathname);
    const found = file ?? (documents.has(pathname) && JSON.stringify(documents.get(pathname)));
    response.writeHead(found ? 200 : 404, {
      "content-type": file ? "application/octet-stream" : "application/json",
    });
    response.end(found || "{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${server.address().port}`;

  async function add(manifest, file) {
    const bytes = await readFile(file);
    const { name, version } = manifest;
    const path = `/${name}/-/${name}-${version}.tgz`;
    const dist = {
      tarball: `${url}${path}`,
      integrity: `sha512-${createHash("sha512").update(bytes).digest("base64")}`,
      shasum: createHash("sha1").update(bytes).digest("hex"),
    };
    files.set(path, bytes);
    documents.set(`/${name}`, {
      name,
      "dist-tags": { latest: version },
      time: { created: LONG_AGO, modified: LONG_AGO, [version]: LONG_AGO },
      versions: { [version]: { ...manifest, dist } },
    });
  }

  let version;
  for (const tarball of tarballs) {
    const { stdout } = await run("tar", ["xzOf", tarball, "package/package.json"]);
    const manifest = JSON.parse(stdout);
    version = manifest.version;
    await add(manifest, tarball);
  }
  for (const { name, os, cpu, libc } of PLATFORMS) {
    const manifest = { name: `sessionwire-${name}`, version, os: [os], cpu: [cpu] };
    if (libc) manifest.libc = [libc];
    if (documents.has(`/${manifest.name}`)) continue;
    const place = join(folder, name);
    await mkdir(join(place, "package"), { recursive: true });
    await writeFile(join(place, "package/package.json"), JSON.stringify(manifest));
    const file = join(folder, `${name}.tgz`);
    await run("tar", ["czf", file, "-C", place, "package"]);
    await add(manifest, file);
  }
  return {
    url,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
