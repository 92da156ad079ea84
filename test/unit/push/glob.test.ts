import fc from "fast-check";
import { compileGlob, containsWords } from "../../../src/rooms/push/glob";

describe("whole values", () => {
  test.each([
    ["lunc?*", "lunch plans", true],
    ["lunc?*", "lunch", true],
    ["lunc?*", " lunch", false],
    ["lunc?*", "lunc", false],
    ["", "", true],
    ["", "x", false],
    ["*", "", true],
    ["**", "anything", true],
    ["a*b*c", "a-b-b-c", true],
    ["a*b*c", "a-c-b", false],
    ["*:example.org", "@bob:example.org", true],
    ["@bob*", "@bob:example.org", true],
    ["ab*ab", "ab", false],
    ["a*?", "a", false],
    ["a*?", "ab", true],
    ["?", "😀", true],
    ["??", "😀", false],
    ["M.Notice", "m.notice", true],
    ["a.c", "abc", false],
  ])("%s on %j: %s", (pattern, text, expected) => {
    expect(compileGlob(pattern, "whole").matches(text)).toBe(expected);
  });
});

describe("words", () => {
  test.each([
    ["ex*ple", "an example event.", true],
    ["ex*ple", "exple", true],
    ["ex*ple", "an exciting triple-whammy", true],
    ["ex*ple", "an examples event", false],
    ["cake", "i like cake", true],
    ["cake", "cakes", false],
    ["cake", "a cake_walk", false],
    ["cake", "(cake)!", true],
    ["cake", "pancake", false],
    ["@room", "hi @room!", true],
    ["@room", "hi@room", true],
    ["@room", "@rooms", false],
    ["*", "", true],
    ["ca?e", "the cave", true],
    ["ca?e", "the caves", false],
    ["cake*lie", "the cake is a lie", true],
    ["cake*lie", "the cake is a lies", false],
    ["cake*", "pancake cakes", true],
    ["*lie", "believe a lie", true],
    ["*lie", "lies", false],
    ["тест", "это тест", true],
  ])("%s in %j: %s", (pattern, text, expected) => {
    expect(compileGlob(pattern, "words").matches(text)).toBe(expected);
  });

  test("a literal pattern and containsWords agree", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ab_. é]{1,4}$/), fc.stringMatching(/^[ab_. é]{0,12}$/), (words, text) => {
        expect(containsWords(text, words)).toBe(compileGlob(words, "words").matches(text));
      }),
    );
  });
});

const regexOf = (pattern: string): string => pattern.replace(/\./g, "\\.").replace(/\*/g, "[^]*").replace(/\?/g, "[^]");

test("globs agree with regular expressions", () => {
  const reference = (pattern: string): RegExp => new RegExp(`^${regexOf(pattern)}$`, "u");
  fc.assert(
    fc.property(fc.stringMatching(/^[ab?*]{0,7}$/), fc.stringMatching(/^[ab]{0,9}$/), (pattern, text) => {
      expect(compileGlob(pattern, "whole").matches(text)).toBe(reference(pattern).test(text));
    }),
    { numRuns: 2000 },
  );
});

test("word globs agree with regular expressions", () => {
  const reference = (pattern: string): RegExp => new RegExp(`(?<=^|[^a-z]|(?=[^a-z]|$))${regexOf(pattern)}(?=$|[^a-z]|(?<=^|[^a-z]))`, "u");
  fc.assert(
    fc.property(fc.stringMatching(/^[ab.?*]{1,6}$/), fc.stringMatching(/^[ab.]{0,9}$/), (pattern, text) => {
      expect(compileGlob(pattern, "words").matches(text)).toBe(reference(pattern).test(text));
    }),
    { numRuns: 2000 },
  );
});

test("hostile patterns take a bounded number of steps", () => {
  const text = "a".repeat(60_000);
  expect(compileGlob("a*".repeat(500) + "b", "whole").matches(text)).toBe(false);
  expect(compileGlob("*a*a*a*a*a*a*a*a*b", "words").matches(text)).toBe(false);
});
