import type { Config } from "../../../config/config";

type Rules = Config["url_preview_url_blacklist"];
type Rule = Rules[number];

/** A test whether `url_preview_url_blacklist` refuses an address: one rule whose every part matches is enough. */
export function refusedBy(rules: Rules): (url: URL) => boolean {
  const tests = rules.map((rule) =>
    (Object.entries(rule) as [keyof Rule, string | number][]).map(([part, pattern]) => ({ part, test: patternTest(String(pattern)) })),
  );
  return (url) => tests.some((parts) => parts.length > 0 && parts.every(({ part, test }) => test(partOf(url, part))));
}

/** As Python's urllib names them. */
function partOf(url: URL, part: keyof Rule): string {
  const auth = url.username === "" ? "" : `${url.username}${url.password === "" ? "" : `:${url.password}`}@`;
  const parts: Record<string, string> = {
    scheme: url.protocol.slice(0, -1),
    netloc: auth + url.host,
    path: url.pathname,
    username: url.username,
    password: url.password,
    port: url.port,
  };
  return parts[part] ?? "";
}

/** A regular expression when it begins with `^`, else a glob for the whole. An absent part matches nothing. */
function patternTest(pattern: string): (value: string) => boolean {
  const expression = pattern.startsWith("^")
    ? new RegExp(pattern.replaceAll("(?P<", "(?<"))
    : new RegExp(`^${[...pattern].map(globCharacter).join("")}$`, "s");
  return (value) => value !== "" && expression.test(value);
}

function globCharacter(character: string): string {
  if (character === "*") return ".*";
  return character === "?" ? "." : character.replace(/[\\^$.|+()[\]{}]/, "\\$&");
}
