import { readStrippedState } from "../../rooms/strippedState";
import type { SentEvent } from "../../writers/intents";
import { storeOutOfBand } from "../../writers/remoteRpc";
import type { App } from "../app";
import { sendKnock } from "./asks";
import { type RemoteMembership, fillTemplate } from "./enter";
import { sentOf } from "./outcomes";
import { askInTurn } from "./servers";

/** Knocks on a room that nobody of this server is in (server-server API, "Knocking upon a room"). */
export async function knockRemotely(app: App, hosts: readonly string[], membership: RemoteMembership): Promise<SentEvent> {
  const { roomId } = membership;
  const knock = await askInTurn(hosts, "knock on the room", (host) => fillTemplate(app, host, membership));
  const { eventId } = knock.event;
  const face = await askInTurn([knock.host], "knock on the room", (host) => sendKnock(app, host, roomId, eventId, knock.json));
  const outcome = await storeOutOfBand(app, {
    roomId,
    version: knock.version.id,
    event: { eventId, json: knock.json },
    strippedState: readStrippedState(face),
  });
  return sentOf(app, eventId, outcome);
}
