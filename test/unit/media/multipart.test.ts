import { boundaryOf, secondPart } from "../../../src/remote/multipart";

const file = Buffer.from("first line\r\n--bound\r--boun\r\n--boundar");
const whole = Buffer.concat([
  Buffer.from(
    '--boundary\r\nContent-Type: application/json\r\n\r\n{"a":1}\r\n--boundary\r\nContent-Type: text/plain\r\nX-More: a: b\r\n\r\n',
  ),
  file,
  Buffer.from("\r\n--boundary--\r\n"),
]);

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Buffer, size: number): Promise<{ headers: object; body: Buffer }> {
  const { headers, body } = await secondPart(pieces(bytes, size), "boundary");
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return { headers: Object.fromEntries(headers), body: Buffer.concat(chunks) };
}

test("the second part, however the network cuts it", async () => {
  for (let size = 1; size <= whole.length; size++) {
    expect(await read(whole, size)).toEqual({ headers: { "content-type": "text/plain", "x-more": "a: b" }, body: file });
  }
});

test("cut off anywhere before its end it is no file", async () => {
  const end = whole.length - "--\r\n".length;
  for (let length = 0; length < end; length++) await expect(read(whole.subarray(0, length), 7)).rejects.toThrow(/multipart/);
});

test("only one part, and headers without end", async () => {
  await expect(read(Buffer.from("--boundary\r\n\r\n{}\r\n--boundary--\r\n"), 9)).rejects.toThrow(/multipart/);
  const endless = (async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from("--boundary\r\n\r\n{}\r\n--boundary\r\n");
    for (;;) yield Buffer.alloc(1000, "h");
  })();
  await expect(secondPart(endless, "boundary")).rejects.toThrow(/multipart/);
});

test.each([
  ["multipart/mixed; boundary=abc", "abc"],
  ['multipart/mixed; charset=x; boundary="a b;c"', "a b;c"],
  ["multipart/mixed", undefined],
  ["text/plain; boundary=abc", undefined],
])("the boundary in %s", (header, boundary) => expect(boundaryOf(header)).toBe(boundary));
