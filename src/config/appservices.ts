import { readFileSync } from "node:fs";
import type { LoadContext } from "./context";
import { idPattern } from "./idPattern";
import { describeValue } from "./problems";
import { reason } from "./sources";
import { parseYaml } from "./yaml";

/** One pattern of a namespace. */
export interface Namespace {
  readonly exclusive: boolean;
  /** As in the registration file; it has to match from the start of the id. */
  readonly regex: string;
  /** Whether the pattern matches this id. Takes time linear in the length of the id whatever the pattern. */
  matches(id: string): boolean;
}

/** An application service, from its registration file (specification: application service API, "Registration"). */
export interface AppService {
  readonly id: string;
  /** Without a trailing slash; absent for one that is never sent anything. */
  readonly url: string | undefined;
  readonly asToken: string;
  readonly hsToken: string;
  /** `sender_localpart` */
  readonly sender: string;
  readonly senderUserId: string;
  readonly namespaces: {
    readonly users: readonly Namespace[];
    readonly aliases: readonly Namespace[];
    readonly rooms: readonly Namespace[];
  };
  readonly rateLimited: boolean;
  readonly protocols: readonly string[];
  /** Wants typing, receipts and presence (MSC2409: `receive_ephemeral` or its unstable names). */
  readonly pushEphemeral: boolean;
  /** Wants to-device messages as well (MSC4203, behind `experimental_features.msc2409_to_device_messages_enabled`). */
  readonly supportsToDevice: boolean;
  /** `org.matrix.msc3202`: device lists and key counts in transactions. */
  readonly msc3202TransactionExtensions: boolean;
  /** `io.element.msc4190`: makes devices without logging in. */
  readonly msc4190DeviceManagement: boolean;
  readonly ipRangeWhitelist: readonly string[] | undefined;
}

type Mapping = Readonly<Record<string, unknown>>;

/** Reads registration files. Files, ids and tokens that are wrong or stand twice are reported. */
export function loadAppServices(files: readonly string[], serverName: string, context: LoadContext): AppService[] {
  const services: AppService[] = [];
  for (const [index, file] of files.entries()) {
    const registration = readRegistration(file, `app_service_config_files[${index}]`, context);
    if (registration === undefined) continue;
    const service = parseAppService(registration, serverName, (key, wanted) => context.problems.push({ file, key, wanted }));
    if (service === undefined) continue;
    for (const other of services) {
      if (other.id === service.id)
        context.problems.push({
          file,
          key: "id",
          found: JSON.stringify(service.id),
          wanted: "an id that no other application service has",
        });
      if (other.asToken === service.asToken)
        context.problems.push({ file, key: "as_token", wanted: `must differ from that of application service ${other.id}` });
    }
    services.push(service);
  }
  return services;
}

function readRegistration(file: string, key: string, context: LoadContext): Mapping | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    context.problem({ key, wanted: `${file} cannot be read: ${reason(error)}` });
    return undefined;
  }
  const { value, problem } = parseYaml(text, file);
  if (problem !== undefined) context.problems.push(problem);
  if (problem !== undefined || isMapping(value)) return problem === undefined ? (value as Mapping) : undefined;
  context.problems.push({ file, key: "", wanted: "must be the registration of an application service" });
  return undefined;
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

type Report = (key: string, wanted: string) => void;

/** An application service out of its registration; undefined when that is wrong, which is reported. */
export function parseAppService(registration: Mapping, serverName: string, report: Report): AppService | undefined {
  let failed = false;
  const fail: Report = (key, wanted) => {
    failed = true;
    report(key, wanted);
  };
  const text = (key: string): string => {
    const value = registration[key];
    if (typeof value === "string" && value !== "") return value;
    fail(key, `found ${describeValue(key, value)}, wanted a text`);
    return "";
  };
  const namespaces = registration["namespaces"] ?? {};
  if (!isMapping(namespaces)) fail("namespaces", "must be a mapping of users, aliases and rooms");
  const sender = text("sender_localpart");
  if (/[^a-zA-Z0-9_.\-~]/.test(sender)) fail("sender_localpart", "may hold letters, digits and _.-~ only");
  const flag = (...keys: string[]): boolean => keys.some((key) => registration[key] === true);
  const service: AppService = {
    id: text("id"),
    url: urlOf(registration, fail),
    asToken: text("as_token"),
    hsToken: text("hs_token"),
    sender,
    senderUserId: `@${sender}:${serverName}`,
    namespaces: {
      users: parseNamespaces(namespaces, "users", fail),
      aliases: parseNamespaces(namespaces, "aliases", fail),
      rooms: parseNamespaces(namespaces, "rooms", fail),
    },
    rateLimited: registration["rate_limited"] !== false,
    protocols: textsOf(registration, "protocols", fail) ?? [],
    pushEphemeral: flag("receive_ephemeral", "push_ephemeral", "de.sorunome.msc2409.push_ephemeral"),
    supportsToDevice: flag("receive_ephemeral", "push_ephemeral", "de.sorunome.msc2409.push_ephemeral"),
    msc3202TransactionExtensions: flag("org.matrix.msc3202"),
    msc4190DeviceManagement: flag("io.element.msc4190"),
    ipRangeWhitelist: textsOf(registration, "ip_range_whitelist", fail),
  };
  return failed ? undefined : service;
}

function urlOf(registration: Mapping, fail: Report): string | undefined {
  const url = registration["url"];
  if (url === null || url === "") return undefined;
  if (typeof url === "string" && URL.canParse(url) && /^(https?|unix):/.test(url)) return url.replace(/\/+$/, "");
  fail("url", `found ${describeValue("url", url)}, wanted a URL, or null for a service that is sent nothing`);
  return undefined;
}

function textsOf(registration: Mapping, key: string, fail: Report): readonly string[] | undefined {
  const value = registration[key];
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value as string[];
  fail(key, "must be a list of texts");
  return undefined;
}

function parseNamespaces(namespaces: unknown, kind: string, fail: Report): readonly Namespace[] {
  const list = isMapping(namespaces) ? (namespaces[kind] ?? []) : [];
  if (!Array.isArray(list)) {
    fail(`namespaces.${kind}`, "must be a list");
    return [];
  }
  return list.flatMap((entry: unknown, index) => {
    const key = `namespaces.${kind}[${index}]`;
    const { regex, exclusive } = isMapping(entry) ? entry : {};
    if (typeof exclusive !== "boolean") fail(`${key}.exclusive`, "must be true or false");
    const matches = typeof regex === "string" ? idPattern(regex) : undefined;
    if (typeof regex !== "string" || matches === undefined) fail(`${key}.regex`, "must be a regular expression");
    return matches === undefined || typeof regex !== "string" ? [] : [{ regex, exclusive: exclusive === true, matches }];
  });
}
