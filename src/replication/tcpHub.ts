import { BlockList, isIPv6 } from "node:net";
import type { Socket } from "node:net";
import type { Random } from "../lib/random";
import { createSubscriptions } from "./bus";
import type { Bus } from "./bus";
import type { ReplicationLog } from "./log";
import { encodeFrame } from "./tcpFrames";
import type { Frame } from "./tcpFrames";
import { isProof, openTcpPeer, proofOf } from "./tcpPeer";
import type { TcpPeer, TcpTiming } from "./tcpPeer";

export interface TcpHubOptions extends TcpTiming {
  readonly serverName: string;
  /** `worker_replication_secret` */
  readonly secret: string | undefined;
  readonly log: ReplicationLog;
  readonly random: Pick<Random, "letters">;
}

export interface TcpHub extends Bus {
  /** Takes a connection that came to a listener of type replication. */
  accept(socket: Socket): void;
}

interface Member {
  readonly peer: TcpPeer;
  readonly challenge: string;
  readonly channels: Set<string>;
  name: string | undefined;
}

/** Where no secret is set, nobody from farther away is let in: whoever is can make workers believe anything. */
const near = new BlockList();
for (const [address, prefix] of [
  ["127.0.0.0", 8],
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["169.254.0.0", 16],
] as const)
  near.addSubnet(address, prefix, "ipv4");
near.addAddress("::1", "ipv6");
near.addSubnet("fc00::", 7, "ipv6");
near.addSubnet("fe80::", 10, "ipv6");

/** Whether the address is of this machine or of a private network. */
export function isNear(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, "");
  return near.check(plain, isIPv6(plain) ? "ipv6" : "ipv4");
}

/**
 * The bus of a main process whose workers have no Redis (Synapse's direct TCP replication): workers connect here, and it passes on what
 * each of them says.
 */
export function createTcpHub({ serverName, secret, log, random, ...timing }: TcpHubOptions): TcpHub {
  const subscriptions = createSubscriptions((error) => log.error("a message could not be handled", { error }));
  const members = new Set<Member>();
  const joined = new Set<() => void>();

  const pass = (channel: string, text: string, from?: Member): void => {
    const others = [...members].filter((member) => member !== from && member.channels.has(channel));
    if (others.length === 0) return;
    const frame = encodeFrame("say", channel, text);
    for (const { peer } of others) peer.send(frame);
  };

  const hear = (member: Member, frame: Frame): void => {
    if (frame.verb === "name") return introduce(member, frame, { secret, log });
    if (member.name === undefined) return member.peer.refuse("a worker says its name first");
    if (frame.verb === "subscribe") member.channels.add(frame.subject);
    if (frame.verb === "unsubscribe") member.channels.delete(frame.subject);
    if (frame.verb === "say") {
      subscriptions.deliver(frame.subject, frame.text);
      pass(frame.subject, frame.text, member);
    }
    if (frame.verb === "mark") member.peer.send(encodeFrame("mark"));
    if (frame.verb !== "sync") return;
    log.info(`the worker ${member.name} is connected`);
    member.peer.send(encodeFrame("ready"));
    // What it said before, while it had no connection, is lost.
    for (const fn of joined) fn();
  };

  return {
    shared: true,
    connected: () => true,
    publish: (channel, text) => pass(channel, text),
    // What it passes on goes to all at once.
    delivered: () => Promise.resolve(),
    subscribe: (channel, fn) => subscriptions.add(channel, fn),
    onReconnect(fn) {
      joined.add(fn);
      return () => joined.delete(fn);
    },
    accept(socket) {
      const from = socket.remoteAddress ?? "";
      const challenge = random.letters(32);
      const peer = openTcpPeer(socket, {
        ...timing,
        onFrame: (frame) => hear(member, frame),
        onEnd: (reason) => {
          members.delete(member);
          if (member.name !== undefined) log.info(`the worker ${member.name} is no longer connected: ${reason}`);
        },
      });
      const member: Member = { peer, challenge, channels: new Set(), name: undefined };
      if (secret === undefined && !isNear(from)) return peer.refuse("set worker_replication_secret to let workers of other networks in");
      members.add(member);
      peer.send(encodeFrame("hello", serverName, challenge));
    },
    async close() {
      for (const { peer } of members) peer.end("this process stops");
    },
  };
}

/** Lets a worker in that knows the secret. */
function introduce(member: Member, { subject: name, text: proof }: Frame, { secret, log }: Pick<TcpHubOptions, "secret" | "log">): void {
  if (isProof(proof, proofOf(secret, member.challenge, name))) {
    member.name = name;
    return;
  }
  log.warn(`a worker that calls itself ${JSON.stringify(name)} was refused: its worker_replication_secret is another`);
  member.peer.refuse("worker_replication_secret is not that of the main process");
}
