import { invalidParam } from "../errors";
import { type Checked, readText, validator, type Validator } from "../lib/validate";
import type { Route, RouteGroup } from "./route";

/** A route at one of its paths, with its schemas compiled. */
export interface CompiledRoute {
  readonly route: Route;
  readonly group: string;
  /** The pattern, a bounded label. */
  readonly pattern: string;
  /** Of a JSON body. */
  readonly checkBody: Validator | undefined;
  readonly readParams: (segments: readonly string[]) => Checked<unknown>;
}

export type Match =
  | { readonly kind: "found"; readonly compiled: CompiledRoute; readonly segments: readonly string[] }
  | { readonly kind: "wrongMethod" }
  | { readonly kind: "unknown" };

export interface Router {
  /** `path` is still percent-encoded and has no query string. HEAD finds routes for GET. */
  match(method: string, path: string): Match;
  /** Everything there is, for comparison with the tables of the specification. */
  readonly compiled: readonly CompiledRoute[];
}

interface Node {
  readonly literals: Map<string, Node>;
  param: Node | undefined;
  readonly methods: Map<string, CompiledRoute>;
  /** Routes whose last parameter takes the rest of the path. */
  readonly rest: Map<string, CompiledRoute>;
}

const newNode = (): Node => ({ literals: new Map(), param: undefined, methods: new Map(), rest: new Map() });

/** Builds a trie by path segment. A literal goes before a parameter; two routes with one method and path are an error. */
export function compileRoutes(groups: readonly RouteGroup[]): Router {
  const root = newNode();
  const compiled: CompiledRoute[] = [];
  for (const { name, routes } of groups) {
    for (const route of routes) {
      const checkBody = route.definition.body ? validator(route.definition.body) : undefined;
      for (const pattern of route.paths) {
        const entry: CompiledRoute = { route, group: name, pattern, checkBody, readParams: paramReader(route, pattern) };
        compiled.push(entry);
        for (const path of expand(pattern)) insert(root, path, entry);
      }
    }
  }
  return {
    compiled,
    match(method, path) {
      const segments = path.split("/");
      const wanted = method === "HEAD" ? "GET" : method;
      const seen = { path: false };
      const found = find(root, segments, 1, wanted, seen);
      if (found) return { kind: "found", compiled: found, segments };
      return seen.path ? WRONG_METHOD : UNKNOWN;
    },
  };
}

const WRONG_METHOD: Match = { kind: "wrongMethod" };
const UNKNOWN: Match = { kind: "unknown" };

/** `/a/:b(c|d)/?` stands for /a/c, /a/c/, /a/d and /a/d/. */
function expand(pattern: string): string[][] {
  const optionalSlash = pattern.endsWith("/?");
  let paths: string[][] = [[]];
  for (const segment of (optionalSlash ? pattern.slice(0, -2) : pattern).split("/").slice(1)) {
    const words = /^:\w+\((.+)\)$/.exec(segment)?.[1]?.split("|") ?? [segment];
    paths = paths.flatMap((path) => words.map((word) => [...path, word]));
  }
  return optionalSlash ? paths.flatMap((path) => [path, [...path, ""]]) : paths;
}

function insert(root: Node, path: readonly string[], entry: CompiledRoute): void {
  let node = root;
  for (const [i, segment] of path.entries()) {
    if (segment.endsWith("*")) {
      if (i !== path.length - 1) throw new Error(`${entry.pattern}: only the last parameter may take the rest`);
      return add(node.rest, entry);
    }
    let next = segment.startsWith(":") ? node.param : node.literals.get(segment);
    if (!next) {
      next = newNode();
      if (segment.startsWith(":")) node.param = next;
      else node.literals.set(segment, next);
    }
    node = next;
  }
  add(node.methods, entry);
}

function add(methods: Map<string, CompiledRoute>, entry: CompiledRoute): void {
  const { method } = entry.route;
  const other = methods.get(method);
  if (other)
    throw new Error(`two routes for ${method} ${entry.pattern}: ${other.route.definition.servlet}, ${entry.route.definition.servlet}`);
  methods.set(method, entry);
}

/** Goes on looking when a path matches without the method: `GET /a/:b` beside `PUT /a/c` also serves GET /a/c. */
function find(node: Node, segments: readonly string[], at: number, method: string, seen: { path: boolean }): CompiledRoute | undefined {
  const segment = segments[at];
  if (segment === undefined) {
    if (node.methods.size > 0) seen.path = true;
    return node.methods.get(method);
  }
  const literal = node.literals.get(segment);
  const found = literal && find(literal, segments, at + 1, method, seen);
  if (found) return found;
  const byParam = node.param && find(node.param, segments, at + 1, method, seen);
  if (byParam) return byParam;
  if (node.rest.size > 0) seen.path = true;
  return node.rest.get(method);
}

/** Decodes the parameters of a path and, where the route has a schema for them, checks them. */
function paramReader(route: Route, pattern: string): CompiledRoute["readParams"] {
  const places = pattern
    .replace(/\/\?$/, "")
    .split("/")
    .flatMap((segment, i) => {
      const [, name, star] = /^:(\w+)(\*?)/.exec(segment) ?? [];
      return name === undefined ? [] : [{ name, at: i, rest: star === "*" }];
    });
  const schema = route.definition.params;
  const names = places.map((place) => place.name);
  for (const field of Object.keys(schema?.fields ?? {})) {
    if (!names.includes(field)) throw new Error(`${pattern} has no parameter ${field}, which its schema names`);
  }
  return (segments) => {
    const value: Record<string, string> = {};
    for (const { name, at, rest } of places) {
      const text = decodeSegment(rest ? segments.slice(at).join("/") : (segments[at] ?? ""));
      if (text === undefined) throw invalidParam(`The path parameter ${name} is not valid percent-encoded UTF-8`);
      value[name] = text;
    }
    return schema ? readText(schema, (name) => asList(value[name])) : { value };
  };
}

const asList = (text: string | undefined): readonly string[] | undefined => (text === undefined ? undefined : [text]);

function decodeSegment(text: string): string | undefined {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
