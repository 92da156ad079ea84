/** A tree of path segments, as regular expressions; an end is an empty segment below its path. */
interface Tree {
  readonly children: Map<string, Tree>;
  isEnd: boolean;
}

const newTree = (): Tree => ({ children: new Map(), isEnd: false });

const quote = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** `/a/:b/c` of a route as regular expressions of its segments. The old version `api/v1` is one of them, beside `r0` and `v3`. */
function segmentsOf(pattern: string): string[] {
  return pattern
    .replace("/api/v1/", "/api\u0000v1/")
    .split("/")
    .slice(1)
    .map((segment) => segment.replace("\u0000", "/"))
    .map((segment) => {
      const words = /^:\w+\((.+)\)$/.exec(segment)?.[1];
      if (words !== undefined) return `(${words.split("|").map(quote).join("|")})`;
      if (/^:\w+\*$/.test(segment)) return ".*";
      return segment.startsWith(":") ? "[^/]*" : quote(segment);
    });
}

function insert(tree: Tree, segments: readonly string[]): void {
  const [first, ...rest] = segments;
  if (first === undefined) {
    tree.isEnd = true;
    return;
  }
  let child = tree.children.get(first);
  if (!child) tree.children.set(first, (child = newTree()));
  insert(child, rest);
}

/** The rest of a path below a node: siblings with equal rests are written once. */
function regexOf(tree: Tree): string {
  const byRest = new Map<string, string[]>();
  for (const [segment, child] of tree.children) {
    const rest = regexOf(child);
    byRest.set(rest, [...(byRest.get(rest) ?? []), segment]);
  }
  const choices = [...byRest].map(([rest, segments]) => `/${oneOf(segments.sort())}${rest}`).sort();
  const below = choices.length === 1 && !tree.isEnd ? choices.join("") : choices.length === 0 ? "" : `(${choices.join("|")})`;
  return tree.isEnd && choices.length > 0 ? `${below}?` : below;
}

const oneOf = (choices: readonly string[]): string => (choices.length === 1 ? choices.join("") : `(${choices.join("|")})`);

/** The word behind the version, which keeps expressions of a readable length: one for each. */
const subjectOf = (pattern: string): string => /^\/[^/]+\/[^/]+\/(?:api\/)?[^/]+(?:\/[^/]+\.[^/]+)?\/([^/]+)/.exec(pattern)?.[1] ?? pattern;

/**
 * Regular expressions (of the kind that PCRE, RE2 and JavaScript share) which match the paths of these routes and no others, still
 * percent-encoded and without a query. Not anchored at the end. Patterns are those of `route()`.
 */
export function pathExpressions(patterns: readonly string[]): string[] {
  const bySubject = new Map<string, Tree>();
  for (const pattern of patterns) {
    const isSlashOptional = pattern.endsWith("/?");
    const plain = isSlashOptional ? pattern.slice(0, -2) : pattern;
    const subject = subjectOf(plain);
    let tree = bySubject.get(subject);
    if (!tree) bySubject.set(subject, (tree = newTree()));
    insert(tree, segmentsOf(plain));
    if (isSlashOptional) insert(tree, segmentsOf(`${plain}/`));
  }
  return [...bySubject.values()].map((tree) => `^${regexOf(tree)}`).sort();
}

/** One expression for whatever any of these matches; not anchored at the end either. */
export function oneExpression(expressions: readonly string[]): string {
  return `^(${expressions.map((expression) => expression.replace(/^\^/, "")).join("|")})`;
}
