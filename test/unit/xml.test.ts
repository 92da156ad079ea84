import { parseXml } from "../../src/lib/xml";

test("elements come without prefixes, with their text and what is inside", () => {
  const root = parseXml(
    `<?xml version="1.0"?>\n<!-- one --><a:r xmlns:a='urn:x' a:k = "v>1"><a:b> x &amp; &#x41;&#66;<!-- two -->y </a:b><c/><![CDATA[<z>]]></a:r>\n`,
  );
  expect(root).toEqual({
    name: "r",
    text: "<z>",
    children: [
      { name: "b", text: "x & ABy", children: [] },
      { name: "c", text: "", children: [] },
    ],
  });
});

test("a comment doesn't cut a text in two", () => {
  expect(parseXml("<user>mallory<!-- -->.admin</user>").text).toBe("mallory.admin");
});

test.each([
  ["nothing", ""],
  ["text alone", "hello"],
  ["two roots", "<a/><b/>"],
  ["an element that doesn't end", "<a><b></b>"],
  ["wrong nesting", "<a><b></a></b>"],
  ["an end without a start", "</a>"],
  ["a document type", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'],
  ["an unknown entity", "<a>&nbsp;</a>"],
  ["an entity of the prototype", "<a>&constructor;</a>"],
  ["a bare ampersand", "<a>b & c</a>"],
  ["an impossible character", "<a>&#x110000;</a>"],
  ["attributes without quotes", "<a b=c></a>"],
  ["an open comment", "<a><!-- </a>"],
  ["text behind the root", "<a/>b"],
  ["too much depth", "<a>".repeat(100) + "</a>".repeat(100)],
])("refuses %s", (_name, text) => {
  expect(() => parseXml(text)).toThrow(/XML/);
});
