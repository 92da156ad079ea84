import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { main } from "../../src/cli";
import { testIo } from "../unit/cli/testIo";
import { eventually } from "./eventually";
import { freePorts } from "./process";

/** Reverse proxies stand in /usr/sbin, which is on the path of administrators only. */
export const proxyEnvironment = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/local/sbin` };

/** Each knows one of these ways to say its version, and nothing else happens. */
export const isInstalled = (program: string): boolean =>
  ["-v", "version"].some((argument) => spawnSync(program, [argument], { env: proxyEnvironment }).status === 0);

/** What stands around the file of a server in an nginx.conf that needs nothing of the machine. Gives the command that runs it. */
export function nginxIn(folder: string): { readonly file: string; readonly command: readonly string[] } {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`).join(" ");
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; error_log stderr; pid ${folder}/nginx.pid; events {} http { access_log off; ${temporary} include ${folder}/synapse.conf; }`,
  );
  return { file: "synapse.conf", command: ["nginx", "-p", folder, "-e", "stderr", "-c", join(folder, "nginx.conf")] };
}

export interface TestProxy {
  readonly url: string;
  stop(): Promise<void>;
}

/** Runs nginx with the configuration that `synapse-ts proxy-config nginx` writes for a deployment. */
export async function startNginx(homeserver: string, workers: readonly string[]): Promise<TestProxy> {
  const [port = 0] = await freePorts(1);
  const io = testIo([]);
  const args = ["proxy-config", "nginx", "--port", String(port), "-c", homeserver, ...workers.flatMap((file) => ["-w", file])];
  if ((await main(args, io)) !== 0) throw new Error(`there is no configuration for nginx: ${io.complaints()}`);
  const folder = mkdtempSync(join(tmpdir(), "synapse-ts-nginx-"));
  const { file, command } = nginxIn(folder);
  writeFileSync(join(folder, file), io.written());
  const [program = "", ...rest] = command;
  const child = spawn(program, rest, { env: proxyEnvironment, stdio: "ignore" });
  const atExit = (): void => void child.kill();
  process.once("exit", atExit);
  const url = `http://127.0.0.1:${port}`;
  await eventually(() =>
    fetch(`${url}/_matrix/client/versions`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  return {
    url,
    async stop() {
      process.off("exit", atExit);
      const exited = once(child, "exit");
      child.kill();
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
