import { RedisReplies } from "../../../src/replication/redisReplies";
import type { RedisReply } from "../../../src/replication/redisReplies";

const message = (channel: string, text: string): string =>
  `*3\r\n$7\r\nmessage\r\n$${Buffer.byteLength(channel)}\r\n${channel}\r\n$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const said = Buffer.from(
  `+OK\r\n-NOAUTH no\r\n:7\r\n$-1\r\n*-1\r\n*0\r\n${message("é", "täxt\r\n$5\r\n")}*2\r\n$4\r\npong\r\n$0\r\n\r\n${message("x", "y".repeat(300))}+end\r\n`,
);
const heard = [
  "OK",
  new Error("NOAUTH no"),
  7,
  null,
  null,
  [],
  ["message", "é", "täxt\r\n$5\r\n"],
  ["pong", ""],
  ["message", "x", "y".repeat(300)],
  "end",
];

function hear(pieces: readonly Buffer[]): RedisReply[] {
  const replies: RedisReply[] = [];
  const parser = new RedisReplies((reply) => replies.push(reply));
  for (const piece of pieces) {
    // The socket reads into the same memory again.
    const memory = Buffer.from(piece);
    parser.add(memory);
    memory.fill(0);
  }
  expect(parser.isPartial).toBe(false);
  return replies;
}

test("answers are the same in whichever pieces they come", () => {
  expect(hear([said])).toEqual(heard);
  for (const size of [1, 2, 3, 7, 64]) {
    const pieces = Array.from({ length: Math.ceil(said.length / size) }, (_, i) => said.subarray(i * size, (i + 1) * size));
    expect(hear(pieces)).toEqual(heard);
  }
  for (let cut = 1; cut < said.length; cut++) expect(hear([said.subarray(0, cut), said.subarray(cut)])).toEqual(heard);
});

test("what is not Redis is refused", () => {
  expect(() => hear([Buffer.from("HTTP/1.1 400 Bad Request\r\n")])).toThrow(/not an answer of Redis/);
});
