import type { Client } from "../rooms/harness";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read answers of any shape
export type Body = any;

const PATH = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync";

/** A sync loop of a client: each request goes on from the last answer. */
export interface Loop {
  pos: string | undefined;
  /** The answer to a request, from where the last one ended. */
  next(request: object, query?: Record<string, string>): Promise<Body>;
}

export const slide = (client: Client, request: object, query: Record<string, string> = {}) =>
  client.call("POST", `${PATH}?${new URLSearchParams(query).toString()}`, request);

export function loopOf(client: Client, connId?: string): Loop {
  const loop: Loop = {
    pos: undefined,
    async next(request, query = {}) {
      const all = { ...(loop.pos !== undefined && { pos: loop.pos }), ...query };
      const { status, body } = await slide(client, { ...(connId !== undefined && { conn_id: connId }), ...request }, all);
      if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
      loop.pos = body.pos;
      return body;
    },
  };
  return loop;
}

/** A request for one list of all rooms. */
export const listOf = (config: object = {}): object => ({
  lists: { all: { ranges: [[0, 99]], timeline_limit: 10, required_state: [], ...config } },
});

export const bodies = (room: Body): string[] =>
  room.timeline.filter(({ type }: Body) => type === "m.room.message").map(({ content }: Body) => content.body);

/** `type state_key` of what a room shows of its state, sorted. */
export const stateOf = (room: Body): string[] => room.required_state.map((e: Body) => `${e.type} ${e.state_key}`.trim()).sort();
