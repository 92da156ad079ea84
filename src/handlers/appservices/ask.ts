import type { AppService } from "../../config/appservices";
import { forbidden, MatrixError } from "../../errors";
import type { JsonValue } from "../../lib/json";
import { messageOf } from "../../replication/log";
import { askAppservice } from "../../writers/appserviceRpc";
import type { AppserviceQuestion } from "../../writers/appserviceRpc";
import type { App } from "../app";
import { ownsUser } from "../auth/appserviceAuth";
import type { Requester } from "../requester";

export type AskApp = Pick<App, "appservices" | "config" | "instanceName" | "log" | "ownership" | "rpc">;

/** Asks from the process that sends to the service; from this one where old files give that process no address. */
export function ask(app: AskApp, question: AppserviceQuestion): Promise<JsonValue> {
  const owner = app.ownership.ownerOf("appservice_sender", question.serviceId);
  const isReachable = owner === app.instanceName || Object.hasOwn(app.config.instance_map, owner);
  return isReachable ? app.rpc.call(askAppservice, question) : app.appservices.answer(question);
}

/** The same; a service that cannot be asked has no answer. */
export async function askOrNothing(app: AskApp, question: AppserviceQuestion): Promise<JsonValue> {
  try {
    return await ask(app, question);
  } catch (error) {
    app.log("synapse.handlers.appservice").warn(`${question.serviceId} did not answer a question: ${messageOf(error)}`);
    return null;
  }
}

/** One after the other until one has it. */
async function provide(app: AskApp, services: readonly AppService[], what: "user" | "alias", id: string): Promise<boolean> {
  for (const service of services) {
    if (service.url !== undefined && (await askOrNothing(app, { serviceId: service.id, kind: what, id })) === true) return true;
  }
  return false;
}

/** Asks the services whose namespace a user who does not exist is in; one that has them registers them (application service API, "Querying"). */
export async function provideUser(app: AskApp, userId: string): Promise<boolean> {
  const services = app.config.derived.appServices.filter((service) => ownsUser(service, userId));
  // Their own senders need not be registered.
  if (services.some(({ senderUserId }) => senderUserId === userId)) return false;
  return provide(app, services, "user", userId);
}

/** The same for an alias that points nowhere yet. */
export function provideAlias(app: AskApp, alias: string): Promise<boolean> {
  const services = app.config.derived.appServices.filter(({ namespaces }) => namespaces.aliases.some(({ matches }) => matches(alias)));
  return provide(app, services, "alias", alias);
}

/** `POST /appservice/{id}/ping`: an application service asks to be pinged, to see whether its registration is right. */
export function pingAppservice(app: AskApp, requester: Requester, serviceId: string, txnId: string | undefined): Promise<JsonValue> {
  if (requester.appservice?.id !== serviceId) throw forbidden("Mismatching application service ID in path");
  if (requester.appservice.url === undefined) {
    throw new MatrixError(400, "M_URL_NOT_SET", "The application service does not have a URL set");
  }
  return ask(app, { serviceId, kind: "ping", txnId });
}
