import { readFileSync } from "node:fs";
import { join } from "node:path";
import { allGroups } from "../../../src/rest/registry";
import { compileRoutes } from "../../../src/rest/router";
import { beyondSpecification } from "./routeLists";

/** What a homeserver has to serve, from the data of the specification; `aliases` are version segments that servers answered to before. */
const rows = readFileSync(join(__dirname, "endpoints.tsv"), "utf8")
  .trim()
  .split("\n")
  .slice(1)
  .map((line) => {
    const [, method = "", path = "", , aliases = ""] = line.split("\t");
    return {
      method,
      path,
      paths: [
        path,
        ...aliases
          .split(" ")
          .filter(Boolean)
          .map((alias) => aliasOf(path, alias)),
      ],
    };
  });

function aliasOf(path: string, alias: string): string {
  return path.replace(/^(\/_matrix\/[^/]+\/)[^/]+/, `$1${alias}`);
}

const router = compileRoutes(allGroups);
const isServed = (method: string, path: string): boolean => router.match(method, path.replace(/\{(\w+)\}/g, "$1")).kind === "found";

test("every endpoint of the specification is served, under its older prefixes too", () => {
  expect(rows.length).toBe(201);
  const missing = rows.flatMap(({ method, paths }) => paths.filter((path) => !isServed(method, path)).map((path) => `${method} ${path}`));
  expect(missing).toEqual([]);
});

/** Parameters are equal whatever their names. */
const shapeOf = (path: string): string => path.replace(/:\w+(\([^)]*\))?|\{\w+\}/g, "{}");
const withoutOlderPrefix = (path: string): string => path.replace(/^\/_matrix\/client\/(api\/v1|r0|unstable)\//, "/_matrix/client/v3/");

const known = new Set(rows.flatMap(({ method, paths }) => paths.map((path) => `${method} ${shapeOf(path)}`)));
const additions = Object.values(beyondSpecification).flat().map(shapeOf);

function isKnown(method: string, pattern: string): boolean {
  if (pattern.startsWith("/_synapse/")) return true;
  const shape = `${method} ${shapeOf(pattern)}`;
  if (known.has(shape) || additions.includes(shape) || additions.includes(`${method} ${shapeOf(withoutOlderPrefix(pattern))}`)) return true;
  return pattern.endsWith("*") && [...known].some((entry) => entry.startsWith(shape.replace("{}*", "")));
}

test("nothing is served that neither the specification nor the list of additions names", () => {
  const strays = router.compiled.filter(({ route, pattern }) => !isKnown(route.method, pattern));
  expect(strays.map(({ route, pattern }) => `${route.method} ${pattern}`)).toEqual([]);
});

test("no addition is listed that is gone", () => {
  const served = new Set(router.compiled.map(({ route, pattern }) => `${route.method} ${shapeOf(pattern)}`));
  expect(additions.filter((entry) => !served.has(entry))).toEqual([]);
});
