import { buildSync } from "esbuild";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, dirname, extname, join } from "node:path";
import { chromium } from "playwright-core";
import type { Browser, Page } from "playwright-core";

const FOLDER = join(__dirname, "web");
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** Hydrogen, a Matrix client for browsers, in a browser of its own. */
export interface WebClient {
  readonly page: Page;
  /** Requests that were refused, as `404 GET /path`, and errors in the console that are not about those. */
  complaints(): readonly string[];
  close(): Promise<void>;
}

/** Where Debian's Chromium is; undefined, with a word about it, where it is not installed. */
export function locateChromium(): string | undefined {
  const file = (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "chromium"))
    .find(existsSync);
  if (file === undefined) process.stderr.write("Tests with a browser are skipped: chromium is not installed\n");
  return file;
}

export async function openWebClient(executablePath: string, homeserver: string): Promise<WebClient> {
  const site = await serveSite();
  let browser: Browser | undefined;
  const close = async (): Promise<void> => {
    await browser?.close();
    await site.close();
  };
  try {
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
    const page = await browser.newPage({ viewport: { width: 1100, height: 700 } });
    const complaints = collectComplaints(page);
    await page.goto(`${site.url}/?homeserver=${encodeURIComponent(homeserver)}`);
    return { page, complaints: () => complaints, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function collectComplaints(page: Page): string[] {
  const complaints: string[] = [];
  page.on("response", (response) => {
    const { pathname } = new URL(response.url());
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.request().method()} ${pathname}`);
  });
  page.on("requestfailed", (request) => {
    const { errorText = "" } = request.failure() ?? {};
    // by the page itself, as it pleases
    if (errorText !== "net::ERR_ABORTED") complaints.push(`${errorText} ${request.method()} ${request.url()}`);
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) complaints.push(message.text());
  });
  return complaints;
}

/** Gives the browser the published files and the one page that puts them together. */
async function serveSite(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const hydrogen = dirname(dirname(require.resolve("hydrogen-view-sdk")));
  const olm = dirname(require.resolve("@matrix-org/olm"));
  const page = bundle();
  const fileOf = (path: string): string => {
    if (path === "/" || path === "/index.html") return join(FOLDER, "index.html");
    if (path === "/sw.js") return join(hydrogen, "lib-build", "sw.js");
    if (path.startsWith("/olm")) return join(olm, path);
    return join(hydrogen, "asset-build", path.startsWith("/assets/") ? path : `/assets${path}`);
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const file = fileOf(pathname);
    const body = pathname === "/page.js" ? page : existsSync(file) && readFileSync(file);
    const type = TYPES[extname(pathname) || ".html"] ?? "application/octet-stream";
    response.writeHead(body === false ? 404 : 200, { "content-type": type }).end(body || "");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    // service workers are for secure origins, which this is
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function bundle(): string {
  const { outputFiles } = buildSync({
    entryPoints: [join(FOLDER, "page.js")],
    bundle: true,
    // for Node, in a part that a browser never comes to
    external: ["crypto", "fs", "path"],
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    logLevel: "error",
  });
  return outputFiles[0]?.text ?? "";
}
