import { X509Certificate, createHash, createPrivateKey } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatSigningKeys, parseSigningKeys } from "../rooms/keyFile";
import type { OwnSigningKey } from "../rooms/signing";
import type { DerivedConfig } from "./config";
import type { LoadContext } from "./context";
import { logConfigText } from "./logConfigText";
import type { LogConfig } from "./logConfig";
import { defaultLogConfig } from "./logConfig";
import { readLogConfig } from "./parseLogConfig";
import { ConfigError } from "./problems";
import { generateSigningKey } from "./signingKeys";
import { reason } from "./sources";
import type { ConfigValues, Listener } from "./types.generated";

/** `signing_key_path`, by default beside the configuration; the first directory that has the file counts. */
export function signingKeyPath(config: ConfigValues, context: LoadContext): string {
  const given = config.signing_key_path as string | undefined;
  if (given !== undefined) return given;
  const candidates = context.configDirectories.map((directory) => join(directory, `${config.server_name}.signing.key`));
  return candidates.find((file) => existsSync(file)) ?? candidates[0] ?? "";
}

/** The server's keys. A missing file is made where that is allowed. */
export function loadSigningKeys(config: ConfigValues, path: string, context: LoadContext): OwnSigningKey[] {
  const [key, source] = config.signing_key === undefined ? ["signing_key_path", path] : ["signing_key", undefined];
  try {
    return parseSigningKeys(config.server_name, source === undefined ? (config.signing_key ?? "") : readFileSync(source, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return missingSigningKey(config.server_name, path, context);
    const name = source === undefined ? "" : `${source}: `;
    context.problem({ key, wanted: `${name}${reason(error)}` });
    return [];
  }
}

function missingSigningKey(serverName: string, path: string, context: LoadContext): OwnSigningKey[] {
  if (context.createMissing === undefined) {
    context.willBeMade("signing_key_path", path);
    return [];
  }
  const key = generateSigningKey(serverName, context.createMissing);
  return write("signing_key_path", path, formatSigningKeys([key]), context) ? [key] : [];
}

function write(key: string, path: string, text: string, context: LoadContext): boolean {
  try {
    writeFileSync(path, text, { mode: key === "log_config" ? 0o644 : 0o600, flag: "wx" });
    return true;
  } catch (error) {
    context.problem({ key, wanted: `${path} does not exist and cannot be written: ${reason(error)}` });
    return false;
  }
}

/** `worker_log_config` on a worker, else `log_config`, else lines on standard error. A missing file is made where that is allowed. */
export function loadLogConfig(config: ConfigValues, isMain: boolean, context: LoadContext): LogConfig {
  const key = !isMain && config.worker_log_config !== undefined ? "worker_log_config" : "log_config";
  const path = config[key];
  if (path === undefined) return defaultLogConfig;
  if (!existsSync(path)) {
    if (context.createMissing === undefined) {
      context.willBeMade(key, path);
      return defaultLogConfig;
    }
    const logFile = join(context.configDirectories[0] ?? ".", isMain ? "homeserver.log" : `${config.worker_name ?? "worker"}.log`);
    if (!write("log_config", path, logConfigText(logFile), context)) return defaultLogConfig;
  }
  try {
    const { log, warnings } = readLogConfig(path);
    context.warnings.push(...warnings);
    return log;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    context.problems.push(...error.problems);
    return defaultLogConfig;
  }
}

/** Certificate and key for listeners that speak TLS. */
export function loadTls(config: ConfigValues, listeners: readonly Listener[], context: LoadContext): DerivedConfig["tls"] {
  if (!listeners.some((listener) => listener.tls)) return undefined;
  const [certificate, privateKey] = (["tls_certificate_path", "tls_private_key_path"] as const).map((key) =>
    readPem(key, config[key], context),
  );
  if (certificate === undefined || privateKey === undefined) return undefined;
  try {
    const isPair = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey));
    if (!isPair)
      context.problem({
        key: "tls_private_key_path",
        wanted: `${config.tls_private_key_path} is not the key of the certificate in ${config.tls_certificate_path}`,
      });
  } catch (error) {
    context.problem({ key: "tls_certificate_path", wanted: `certificate and key must be in PEM form: ${reason(error)}` });
  }
  return { certificate, privateKey };
}

function readPem(key: string, path: string | undefined, context: LoadContext): string | undefined {
  if (path === undefined) {
    context.problem({ key, wanted: "must be given, because a listener has tls: true" });
    return undefined;
  }
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    context.problem({ key, wanted: `${path} cannot be read: ${reason(error)}` });
    return undefined;
  }
}

/** A secret that all processes derive alike, for files which give none. */
export function secretFromKey(purpose: string, keys: readonly OwnSigningKey[]): string {
  const seed = keys[0]?.seed ?? "";
  return createHash("sha256").update(`${purpose}\0`).update(seed).digest("hex");
}
