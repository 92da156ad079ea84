import { imageTypeOf } from "../../../src/handlers/media/imageType";
import { cleanName, cleanType } from "../../../src/handlers/media/names";
import { contentPath, thumbnailPath } from "../../../src/handlers/media/paths";
import { charsetOf } from "../../../src/handlers/media/previews/charset";
import { endpointFor, parseProviders, readOembed } from "../../../src/handlers/media/previews/oembed";
import { refusedBy } from "../../../src/handlers/media/previews/urlRules";
import { configuredSize, resultingSize } from "../../../src/handlers/media/thumbnailSize";
import { contentDisposition, nameInDisposition } from "../../../src/lib/contentDisposition";
import { parseRange } from "../../../src/rest/media/range";

const local = { origin: "me", mediaId: "abcdefgh", filesystemId: null, urlCache: null };

test.each([
  [local, "local_content/ab/cd/efgh"],
  [{ ...local, origin: "you:8448", filesystemId: "GGHHiijj" }, "remote_content/you:8448/GG/HH/iijj"],
  [{ ...local, mediaId: "2026-11-28_abcdef", urlCache: "http://x" }, "url_cache/2026-11-28/abcdef"],
  [{ ...local, mediaId: "abcdefgh", urlCache: "http://x" }, "url_cache/ab/cd/efgh"],
  [{ ...local, mediaId: "../../../x" }, undefined],
  [{ ...local, mediaId: "abcd" }, undefined],
  [{ ...local, origin: "..", filesystemId: "GGHHiijj" }, undefined],
  [{ ...local, origin: "a/b", filesystemId: "GGHHiijj" }, undefined],
  [{ ...local, origin: "you" }, undefined],
])("the place of %j", (media, path) => expect(contentPath(media, "me")).toBe(path));

test("the place of thumbnails", () => {
  const size = { width: 32, height: 24, mediaType: "image/png", method: "crop" };
  expect(thumbnailPath(local, "me", size)).toBe("local_thumbnails/ab/cd/efgh/32-24-image-png-crop");
  expect(thumbnailPath({ ...local, origin: "you", filesystemId: "GGHHiijj" }, "me", size)).toBe(
    "remote_thumbnail/you/GG/HH/iijj/32-24-image-png-crop",
  );
});

test.each([
  [undefined, undefined],
  ["bytes=0-3", { start: 0, end: 3 }],
  ["bytes=5-", { start: 5, end: 9 }],
  ["bytes=-4", { start: 6, end: 9 }],
  ["bytes=-400", { start: 0, end: 9 }],
  ["bytes=-0", "unsatisfiable"],
  ["bytes=10-12", "unsatisfiable"],
  ["bytes=4-2", undefined],
  ["bytes=0-1,3-4", undefined],
  ["bytes=-", undefined],
  ["lines=1-2", undefined],
])("the range %s of ten bytes", (header, range) => expect(parseRange(header, 10)).toEqual(range));

test.each(["plain.txt", "sp ace.txt", "qu\"ote'.txt", "back\\slash", "日本語 (1).png", "%41*;"])(
  "the name %s goes there and back",
  (name) => {
    expect(nameInDisposition(contentDisposition("attachment", name))).toBe(name);
  },
);

test.each([
  ['inline; filename="a \\"b\\".txt"', 'a "b".txt'],
  ["attachment; filename=a.txt; filename*=UTF-8''%C3%A9.txt", "é.txt"],
  ["attachment; filename=a.txt; filename*=UTF-8''%C3", "a.txt"],
  ["attachment", undefined],
])("the name in %s", (header, name) => expect(nameInDisposition(header)).toBe(name));

test("names and types of strangers", () => {
  expect([cleanName("a\r\nb\u0000"), cleanName("\u0007"), cleanName(undefined)]).toEqual(["ab", null, null]);
  expect(cleanName("😀".repeat(300))).toBe("😀".repeat(255));
  const types = ["text/plain;charset=x", "x", "text/ht\u00e9ml", "a/b\r\nX: y", undefined].map(cleanType);
  expect(types).toEqual(["text/plain;charset=x", ...Array<string>(4).fill("application/octet-stream")]);
});

test("kinds of images by their first bytes", () => {
  const of = (text: string) => imageTypeOf(Buffer.from(text, "latin1"));
  expect([of("\xff\xd8\xff\xe0"), of("GIF89a"), of("RIFF....WEBPVP8"), of("....ftypavif"), of("<svg "), of("")]).toEqual([
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    undefined,
    undefined,
  ]);
});

test("sizes of thumbnails", () => {
  const sizes = [
    { width: 96, height: 96, method: "crop" },
    { width: 200, height: 100, method: "crop" },
    { width: 320, height: 240, method: "scale" },
  ] as const;
  expect(configuredSize({ width: 90, height: 45, method: "crop" }, sizes)).toBe(sizes[1]);
  expect(configuredSize({ width: 50, height: 50, method: "crop" }, sizes)).toBe(sizes[0]);
  expect(configuredSize({ width: 9000, height: 10, method: "scale" }, sizes)).toBe(sizes[2]);
  expect(configuredSize({ width: 10, height: 10, method: "scale" }, sizes.slice(0, 1))).toBe(sizes[0]);
  expect(configuredSize({ width: 10, height: 10, method: "scale" }, [])).toBeUndefined();
  expect(resultingSize({ width: 100, height: 100, method: "scale" }, { width: 5000, height: 1 })).toEqual({ width: 100, height: 1 });
});

test("charsets", () => {
  const of = (page: string, type = "text/html") => charsetOf(Buffer.from(page, "latin1"), type);
  expect(of('<meta charset="shift_jis">', "text/html; charset=utf-8")).toBe("shift_jis");
  expect(of("<?xml version='1.0' encoding='koi8-r'?>")).toBe("koi8-r");
  expect(of("x", "text/html; charset=GBK")).toBe("GBK");
  expect(of('<meta charset="nonsense">caf\xe9')).toBe("windows-1252");
  expect(of("plain")).toBe("utf-8");
});

test("addresses that are refused", () => {
  const refuses = refusedBy([{ username: "*" }, { scheme: "http", netloc: "www.acme.com" }, { netloc: "^[0-9]+\\.[0-9.]+$" }, {}]);
  const of = (url: string): boolean => refuses(new URL(url));
  expect([of("http://a@x.org"), of("http://www.acme.com/x"), of("https://1.2.3.4/")]).toEqual([true, true, true]);
  expect([of("http://x.org"), of("https://www.acme.com/x")]).toEqual([false, false]);
});

test("oEmbed", () => {
  const providers = parseProviders(
    JSON.stringify([{ provider_name: "X", endpoints: [{ schemes: ["https://*.x.test/v/*"], url: "https://x.test/oembed.{format}" }] }]),
  );
  expect(endpointFor(new URL("http://www.x.test/v/1"), providers)?.href).toBe(
    "https://x.test/oembed.json?url=http%3A%2F%2Fwww.x.test%2Fv%2F1&format=json",
  );
  expect(endpointFor(new URL("https://evil.test/?https://www.x.test/v/1"), providers)).toBeUndefined();
  const url = new URL("https://x.test/v/1");
  const read = (answer: object) => readOembed(Buffer.from(JSON.stringify(answer)), url);
  expect(read({ version: "1.0", type: "photo", url: "http://p", thumbnail_url: "http://t", cache_age: "60" })).toEqual({
    fields: { "og:url": url.href, "og:image": "http://p" },
    html: undefined,
    authorName: undefined,
    maxAgeMs: 60_000,
  });
  expect(read({ type: "link", title: "a &amp; <b> &#39;", cache_age: [] })?.fields).toEqual({
    "og:url": url.href,
    "og:title": "a & <b> '",
    "og:type": "website",
  });
  expect([read([]), read({ version: "2" }), readOembed(Buffer.from("x"), url)]).toEqual([undefined, undefined, undefined]);
  const ways = [{ formats: ["xml"] }, { formats: ["json"] }, {}, { url: "https://x.test/oembed.xml" }];
  const endpoints = ways.map((way) => ({ schemes: ["https://x.test/*"], url: "https://x.test/oembed", ...way }));
  expect(parseProviders(JSON.stringify([{ endpoints }]))).toHaveLength(2);
});
