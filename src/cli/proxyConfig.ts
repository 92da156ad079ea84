import { Argument, Command, InvalidArgumentError } from "commander";
import type { ProxyModel, ProxyOptions } from "../roles/proxy/proxyModel";
import { addDeploymentOptions, type DeploymentOptions, loadPlans } from "./deploymentFiles";
import type { Io } from "./io";
import { UserError } from "./io";

const writers: Readonly<Record<string, () => Promise<(model: ProxyModel, options: ProxyOptions) => string>>> = {
  nginx: async () => (await import("../roles/proxy/nginx")).nginxConfig,
  haproxy: async () => (await import("../roles/proxy/haproxy")).haproxyConfig,
  caddy: async () => (await import("../roles/proxy/caddy")).caddyConfig,
  traefik: async () => (await import("../roles/proxy/traefik")).traefikConfig,
  envoy: async () => (await import("../roles/proxy/envoy")).envoyConfig,
};

interface Options extends DeploymentOptions {
  readonly port: number;
}

const readPort = (text: string): number => {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new InvalidArgumentError("A port is a number from 1 to 65535.");
  return port;
};

export function proxyConfigCommand(io: Io): Command {
  return addDeploymentOptions(new Command("proxy-config"))
    .description("print a configuration of a reverse proxy for this server and its workers")
    .option("--port <port>", "where the proxy listens", readPort, 80)
    .addArgument(new Argument("<proxy>", "which reverse proxy").choices(Object.keys(writers)))
    .action(async (proxy: string, options: Options) => {
      const { proxyModel, ProxyConfigError } = await import("../roles/proxy/proxyModel");
      const { config, results } = await loadPlans(options, io);
      try {
        const model = proxyModel(
          config,
          results.map(({ plan }) => plan),
        );
        const write = await writers[proxy]?.();
        io.out(write?.(model, { port: options.port }) ?? "");
      } catch (error) {
        throw error instanceof ProxyConfigError ? new UserError(error.message) : error;
      }
    });
}
