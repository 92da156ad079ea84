import { encodeFrame, FrameReader } from "../../../src/replication/tcpFrames";
import { isNear } from "../../../src/replication/tcpHub";
import { isProof, proofOf } from "../../../src/replication/tcpPeer";

const frames = [
  { verb: "hello", subject: "ex ample.com", text: "challenge" },
  { verb: "say", subject: "example.com/synapse-ts/v1/events", text: 'w1 - 1 2\n[[2,"ü 🙂\\n"]]' },
  { verb: "ping", subject: "", text: "" },
  { verb: "say", subject: "x", text: "\n\n" },
] as const;
const bytes = Buffer.concat(frames.map(({ verb, subject, text }) => encodeFrame(verb, subject, text)));

test.each([1, 2, 7, 64, bytes.length])("frames are whole again from pieces of %i bytes", (size) => {
  const reader = new FrameReader();
  const got = [];
  for (let at = 0; at < bytes.length; at += size) got.push(...reader.push(bytes.subarray(at, at + size)));
  expect(got).toEqual(frames);
});

test("a large text arrives in pieces", () => {
  const text = "é".repeat(300_000);
  const large = encodeFrame("say", "x", text);
  const reader = new FrameReader();
  const got = [];
  for (let at = 0; at < large.length; at += 65_536) got.push(...reader.push(large.subarray(at, at + 65_536)));
  expect(got).toEqual([{ verb: "say", subject: "x", text }]);
});

test.each(["GET / HTTP/1.1\r\n\r\n", "REPLICATE \n", "say x -1\n", "say x 1e3\n", "say x 99999999999\n", "say %zz 0\n", "x".repeat(5_000)])(
  "no process of ours says %j",
  (text) => {
    expect(() => new FrameReader().push(Buffer.from(text))).toThrow();
  },
);

test("a proof is of one secret, challenge and name", () => {
  const proof = proofOf("secret", "c", "w1");
  expect(isProof(proof, proofOf("secret", "c", "w1"))).toBe(true);
  for (const other of [
    proofOf("Secret", "c", "w1"),
    proofOf("secret", "d", "w1"),
    proofOf("secret", "c", "w2"),
    proofOf(undefined, "c", "w1"),
    "",
  ])
    expect(isProof(proof, other)).toBe(false);
});

test.each([
  ["127.0.0.1", true],
  ["::1", true],
  ["::ffff:10.1.2.3", true],
  ["172.31.0.1", true],
  ["192.168.1.1", true],
  ["fd00::1", true],
  ["172.32.0.1", false],
  ["::ffff:8.8.8.8", false],
  ["2001:db8::1", false],
])("%s is near: %s", (address, expected) => {
  expect(isNear(address)).toBe(expected);
});
