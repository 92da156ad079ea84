import { RE2JS } from "re2js";

/**
 * A test whether an id begins with what a Python regular expression matches, as bridges write them for users, rooms and
 * aliases; undefined if it is not a regular expression. Other people choose the ids, so the time must not explode: patterns
 * without repeated groups and with few repetitions go to the native engine, which is fastest, all others to one of linear
 * time. Only those with look-around, which that engine lacks, go to the native engine in any case.
 */
export function idPattern(pattern: string): ((id: string) => boolean) | undefined {
  const native = nativePattern(pattern);
  if (native !== undefined && isHarmless(pattern)) return (id) => native.test(id);
  try {
    const linear = RE2JS.compile(pattern.replaceAll("\\Z", "\\z"), RE2JS.DOTALL);
    return (id) => linear.matcher(id).lookingAt();
  } catch {
    return native === undefined ? undefined : (id) => native.test(id);
  }
}

function nativePattern(pattern: string): RegExp | undefined {
  const ignoreCase = pattern.startsWith("(?i)");
  const source = (ignoreCase ? pattern.slice(4) : pattern).replaceAll("\\Z", "$").replaceAll("\\A", "^").replaceAll("(?P<", "(?<");
  try {
    return new RegExp(`^(?:${source})`, ignoreCase ? "si" : "s");
  } catch {
    return undefined;
  }
}

/** At most three repetitions, none of a group: cubic at worst, in ids of at most 255 bytes, and linear as people write them. */
function isHarmless(pattern: string): boolean {
  const plain = pattern.replace(/\\./g, "_").replace(/\[[^\]]*\]/g, "_");
  return !/\)[*+{?]/.test(plain) && !/\(\?[=!<]/.test(plain) && (plain.match(/[*+{]/g) ?? []).length <= 3;
}
