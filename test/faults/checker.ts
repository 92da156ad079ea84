import type { History, Operation, Outcome, Reader, SeenEvent } from "./history";

/**
 * All that is wrong with a history, in words; nothing, when the server kept its promises:
 * what was acknowledged is there once and in one order for all, readers miss nothing and get nothing twice, transactions that are
 * repeated change nothing, messages to devices and one-time keys are handed out once.
 */
export function check(history: History, outcome: Outcome): string[] {
  return [
    ...history.refusals.map((refusal) => `refused: ${refusal}`),
    ...history.operations.filter(({ acknowledged }) => acknowledged === undefined).map((one) => `never acknowledged: ${name(one)}`),
    ...checkRooms(history, outcome),
    ...history.readers.flatMap((reader) => checkReader(reader, outcome)),
    ...checkRepetitions(history),
    ...history.readers.flatMap((reader) => checkToDevice(reader, history)),
    ...checkKeys(history, outcome),
    ...checkAccountData(history, outcome),
    ...outcome.spoiltUploads.map((id) => `an upload is not as it was: ${id}`),
    ...checkDeliveries(history, outcome),
  ];
}

const name = ({ client, what, key }: Operation): string => `${what} ${key} of ${client}`;

function doubles(items: readonly string[]): string[] {
  return [...new Set(items.filter((item, i) => items.indexOf(item) !== i))];
}

const acknowledged = (history: History, what: Operation["what"]): Operation[] =>
  history.operations.filter((one) => one.what === what && one.acknowledged !== undefined);

function checkRooms(history: History, { rooms }: Outcome): string[] {
  const problems: string[] = [];
  for (const [roomId, readings] of rooms) {
    const [first = []] = readings;
    const text = JSON.stringify(first);
    if (readings.some((reading) => JSON.stringify(reading) !== text)) problems.push(`processes tell the history of ${roomId} differently`);
    for (const id of doubles(first.map((event) => event.id))) problems.push(`twice in ${roomId}: ${id}`);
    for (const body of doubles(first.map((event) => event.body))) problems.push(`sent twice in ${roomId}: ${body}`);
    const byId = new Map(first.map((event) => [event.id, event.body]));
    for (const one of acknowledged(history, "event").filter(({ target }) => target === roomId)) {
      const body = byId.get(one.result ?? "");
      if (body === undefined) problems.push(`lost: ${name(one)} in ${roomId}`);
      else if (body !== one.key) problems.push(`${name(one)} was answered with the event of ${body}`);
    }
  }
  return problems;
}

/** Readers began before the first message, so each has got all of them, in the room's order. */
function checkReader({ client, rooms, limited }: Reader, outcome: Outcome): string[] {
  const problems = limited.map((roomId) => `${client} was told that something is left out of ${roomId}`);
  for (const [roomId, seen] of rooms) {
    const order = outcome.rooms.get(roomId)?.[0] ?? [];
    for (const id of doubles(seen.map((event) => event.id))) problems.push(`${client} got ${id} twice`);
    problems.push(...difference(client, roomId, seen, order));
  }
  return problems;
}

function difference(client: string, roomId: string, seen: readonly SeenEvent[], wanted: readonly SeenEvent[]): string[] {
  const at = wanted.findIndex(({ id }, i) => seen[i]?.id !== id);
  if (at < 0 && seen.length === wanted.length) return [];
  const ids = new Set(seen.map(({ id }) => id));
  const missing = wanted.filter(({ id }) => !ids.has(id)).map(({ body }) => body);
  const known = new Set(wanted.map(({ id }) => id));
  const strange = seen.filter(({ id }) => !known.has(id)).map(({ body }) => body);
  const shown = (some: readonly string[]): string => `${some.length} (${some.slice(0, 5).join(", ")})`;
  return [`${client} in ${roomId}: missed ${shown(missing)}, got besides ${shown(strange)}, otherwise ordered from number ${at} on`];
}

function checkRepetitions({ repetitions }: History): string[] {
  return repetitions.filter(({ of, result }) => of.result !== result).map(({ of, result }) => `repeated, ${name(of)} became ${result}`);
}

function checkToDevice({ client, toDevice }: Reader, history: History): string[] {
  const sent = history.operations.filter(({ what, target }) => what === "to-device" && target === client);
  const known = new Set(sent.map(({ key }) => key));
  const got = new Set(toDevice);
  const order = (from: string, keys: readonly string[]): string => keys.filter((key) => key.startsWith(`${from} `)).join();
  const senders = new Set(sent.map((one) => one.client));
  return [
    ...doubles(toDevice).map((key) => `${client} got the message ${key} twice`),
    ...toDevice.filter((key) => !known.has(key)).map((key) => `${client} got the message ${key}, which nobody sent`),
    ...sent.filter((one) => one.acknowledged !== undefined && !got.has(one.key)).map((one) => `${client} never got ${name(one)}`),
    ...[...senders]
      .filter(
        (from) =>
          order(from, toDevice) !==
          order(
            from,
            [...known].filter((key) => got.has(key)),
          ),
      )
      .map((from) => `${client} got the messages of ${from} in another order`),
  ];
}

/** A claim without an answer may have taken a key, which is lost then; nobody ever gets one that somebody else has. */
function checkKeys(history: History, { keysLeft }: Outcome): string[] {
  const claims = history.operations.filter(({ what }) => what === "claim");
  const problems = doubles(claims.flatMap(({ result }) => (result === undefined ? [] : [result]))).map(
    (key) => `key ${key} was given twice`,
  );
  for (const [device, keys] of history.uploadedKeys) {
    const own = claims.filter(({ target }) => target === device);
    const given = own.filter(({ result }) => result !== undefined);
    for (const { result = "" } of given) if (!keys.includes(result)) problems.push(`key ${result} is none of ${device}`);
    const unknown = own.reduce((sum, one) => sum + one.unknown, 0);
    const gone = keys.length - (keysLeft.get(device) ?? 0) - given.length;
    if (gone < 0 || gone > unknown) problems.push(`${gone} keys of ${device} are gone, and ${unknown} claims got no answer`);
  }
  return problems;
}

function checkAccountData(history: History, { accountData }: Outcome): string[] {
  const problems: string[] = [];
  for (const [client, readings] of accountData) {
    const last = acknowledged(history, "account data").findLast((one) => one.client === client);
    for (const value of readings)
      if (last && value !== last.key) problems.push(`account data of ${client} is ${value} and not ${last.key}`);
  }
  return problems;
}

/** Other servers and push gateways may get a message twice, but miss none. */
function checkDeliveries(history: History, { deliveries, rooms: readings }: Outcome): string[] {
  const events = acknowledged(history, "event");
  return deliveries.flatMap(({ to, rooms, bodies, fetchesMissing }) => {
    const reached = new Set(bodies);
    for (const roomId of fetchesMissing ? rooms : []) {
      const order = readings.get(roomId)?.[0] ?? [];
      for (const { body } of order.slice(0, order.findLastIndex((event) => bodies.has(event.body)) + 1)) reached.add(body);
    }
    return events
      .filter(({ client, target, key }) => client !== to && rooms.has(target) && !reached.has(key))
      .map((one) => `never sent to ${to}: ${name(one)}`);
  });
}
