import type { App } from "../handlers/app";
import type { AuthMode, HttpRequest, RequesterOf, RestrictedState } from "../handlers/request";
import type { ObjectSchema, Schema } from "../lib/schema";

/** What a route's `handle` is given. */
export interface RouteContext<A extends AuthMode, P, Q, B> {
  readonly app: App;
  readonly requester: RequesterOf[A];
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly request: HttpRequest;
}

export interface RouteDefinition<A extends AuthMode, P, Q, B> {
  /** Synapse's servlet class: a label of metrics and the name in the log. */
  readonly servlet: string;
  /**
   * Where else the route is served: `r0` or `unstable/org.matrix.msc1234` in place of the version segment, or a whole path that
   * starts with a slash and has the same parameters.
   */
  readonly aliases?: readonly string[];
  readonly auth: A;
  /** Restricted account states in which the route still works. */
  readonly allow?: readonly RestrictedState[];
  /** Checks path parameters; without it they are strings. */
  readonly params?: ObjectSchema<P>;
  readonly query?: ObjectSchema<Q>;
  /** Absent: the body is not read. `optional(...)`: an empty body is undefined. `byteStream()`: it is read by the handler as it comes. */
  readonly body?: Schema<B>;
  /** Bytes; 12.5 MiB unless given. */
  readonly maxBody?: number | ((app: App) => number);
  /** Runs after authentication and before the body is read, to refuse early: rate limits. */
  readonly limit?: (context: {
    readonly app: App;
    readonly requester: RequesterOf[A];
    readonly request: HttpRequest;
  }) => void | Promise<void>;
  /** Of a route for other servers: it holds them back itself where they ask too much. */
  readonly ownPace?: boolean;
  /** Of a route that is not for GET and yet changes nothing: its answers need not wait until other processes know what this one wrote. */
  readonly readOnly?: boolean;
  /** Answers a value to send as JSON, or a `reply(...)`. */
  readonly handle: (context: RouteContext<A, P, Q, B>) => unknown;
}

/** A route with its types forgotten, as the router sees it. */
export interface Route {
  readonly method: string;
  /** All paths, aliases included, as patterns of `compileRoutes`. */
  readonly paths: readonly string[];
  readonly definition: RouteDefinition<AuthMode, unknown, unknown, unknown>;
}

/** Routes that a listener and a role take together. Names are `<family>.<subject>`, such as `client.receipts`. */
export interface RouteGroup {
  readonly name: string;
  readonly routes: readonly Route[];
}

type ParamOf<Segment extends string> = Segment extends `:${infer Name}(${infer Values})`
  ? { readonly [K in Name]: Alternatives<Values> }
  : Segment extends `:${infer Name}*`
    ? { readonly [K in Name]: string }
    : Segment extends `:${infer Name}`
      ? { readonly [K in Name]: string }
      : unknown;
type Alternatives<Values extends string> = Values extends `${infer First}|${infer Rest}` ? First | Alternatives<Rest> : Values;

/** The parameters that a path pattern names: `/a/:b/c` gives `{ b: string }`. */
export type PathParams<Path extends string> = Path extends `${infer Segment}/${infer Rest}`
  ? ParamOf<Segment> & PathParams<Rest>
  : ParamOf<Path>;

type NoFields = Readonly<Record<never, never>>;

/**
 * Declares a route: `route("GET /_matrix/client/v3/rooms/:roomId/state", {...})`. In the pattern `:name` is one segment, empty ones
 * included; `:name(a|b)` one of some words; `:name*` at the end is the rest of the path with its slashes; `/?` at the end an optional slash.
 */
export function route<const Path extends string, A extends AuthMode, P = PathParams<Path>, Q = NoFields, B = undefined>(
  methodAndPath: Path,
  definition: RouteDefinition<A, P, Q, B>,
): Route {
  const [method, path] = methodAndPath.split(" ");
  if (!method || !path?.startsWith("/")) throw new Error(`a route is "METHOD /path", not "${methodAndPath}"`);
  const paths = [path, ...(definition.aliases ?? []).map((alias) => aliasPath(path, alias))];
  return { method, paths, definition: definition as unknown as Route["definition"] };
}

/** `r0` replaces the version segment after /_matrix/<api>/. */
function aliasPath(path: string, alias: string): string {
  if (alias.startsWith("/")) return alias;
  const [, prefix, rest] = /^(\/_matrix\/[^/]+\/)[^/]+(\/.*)$/.exec(path) ?? [];
  if (prefix === undefined || rest === undefined)
    throw new Error(`the alias ${alias} needs a path /_matrix/<api>/<version>/..., not ${path}`);
  return prefix + alias + rest;
}

export function group(name: string, routes: readonly Route[]): RouteGroup {
  return { name, routes };
}
