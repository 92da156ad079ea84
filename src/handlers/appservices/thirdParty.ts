import type { AppService } from "../../config/appservices";
import { notFound } from "../../errors";
import { isJsonObject, own } from "../../lib/json";
import type { JsonObject, JsonValue } from "../../lib/json";
import type { App } from "../app";
import { askOrNothing } from "./ask";
import type { AskApp } from "./ask";

type ThirdPartyApp = AskApp & Pick<App, "clock">;

/** What services say of their networks is kept so long. */
const PROTOCOL_TTL_MS = 3_600_000;
/** Of one service. */
const MAX_RESULTS = 1_000;

const offering = (app: Pick<App, "config">, protocol: string): AppService[] =>
  app.config.derived.appServices.filter(({ url, protocols }) => url !== undefined && protocols.includes(protocol));

/** `GET /thirdparty/protocols`: all networks that bridges reach (client-server API, "Third-party Networks"). */
export async function thirdPartyProtocols(app: ThirdPartyApp): Promise<JsonObject> {
  const names = [...new Set(app.config.derived.appServices.flatMap(({ url, protocols }) => (url === undefined ? [] : protocols)))];
  const found = await Promise.all(names.map(async (name) => [name, await describe(app, name)] as const));
  return Object.fromEntries(found.filter(([, protocol]) => protocol !== undefined));
}

/** `GET /thirdparty/protocol/{protocol}`. */
export async function thirdPartyProtocol(app: ThirdPartyApp, name: string): Promise<JsonObject> {
  const protocol = await describe(app, name);
  if (!protocol) throw notFound("Unknown protocol");
  return protocol;
}

/** What the services that offer a protocol say of it, with the instances of all of them. */
async function describe(app: ThirdPartyApp, name: string): Promise<JsonObject | undefined> {
  const answers = await Promise.all(offering(app, name).map((service) => descriptionBy(app, service, name)));
  const known = answers.filter((answer) => answer !== undefined);
  const [first] = known;
  return first && { ...first, instances: known.flatMap(({ instances }) => instances as JsonValue[]) };
}

async function descriptionBy(app: ThirdPartyApp, service: AppService, name: string): Promise<JsonObject | undefined> {
  const { protocols } = app.appservices;
  const key = `${service.id} ${name}`;
  const now = app.clock.monotonic();
  const known = protocols.get(key);
  if (known && known.until > now) return known.protocol;
  const query = { kind: "protocol", protocol: name, fields: {} } as const;
  const protocol = protocolOf(service, await askOrNothing(app, { serviceId: service.id, kind: "thirdparty", query }));
  if (protocol) protocols.set(key, { until: now + PROTOCOL_TTL_MS, protocol });
  return protocol;
}

/** With `instance_id` in its instances, by which clients ask for the directory of one of them. */
function protocolOf(service: AppService, answer: JsonValue): JsonObject | undefined {
  const instances = isJsonObject(answer) ? own(answer, "instances") : undefined;
  if (!isJsonObject(answer) || !Array.isArray(instances) || !instances.every(isJsonObject)) return undefined;
  const named = instances.map((instance) => {
    const network = own(instance, "network_id");
    return typeof network === "string" ? { ...instance, instance_id: `${service.id}|${network}` } : instance;
  });
  return { ...answer, instances: named };
}

/** Users or rooms of a network, by its own names for them, or what a Matrix id stands for there. */
export async function lookUpThirdParty(
  app: ThirdPartyApp,
  kind: "user" | "location",
  protocol: string | undefined,
  fields: Readonly<Record<string, readonly string[]>>,
): Promise<JsonObject[]> {
  const services = protocol === undefined ? app.config.derived.appServices.filter(({ url }) => url !== undefined) : offering(app, protocol);
  const { access_token: _token, ...asked } = fields;
  const query = { kind, protocol, fields: asked };
  const answers = await Promise.all(services.map((service) => askOrNothing(app, { serviceId: service.id, kind: "thirdparty", query })));
  const idField = kind === "user" ? "userid" : "alias";
  return answers.flatMap((answer) =>
    Array.isArray(answer)
      ? answer
          .filter(isJsonObject)
          .filter((result) => isResult(result, idField))
          .slice(0, MAX_RESULTS)
      : [],
  );
}

const isResult = (result: JsonObject, idField: string): boolean =>
  typeof own(result, idField) === "string" && typeof own(result, "protocol") === "string" && isJsonObject(own(result, "fields"));
