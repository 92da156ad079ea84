import ts from "typescript";
import { allGroups } from "../../../src/rest/registry";
import { allStreams } from "../../../src/streams/registry";
import { allRpcs } from "../../../src/writers/registry";
import { sourcesBelow, walk } from "./source";

const sources = sourcesBelow("src");

/** The names given in calls such as `group("client.sync", ...)` and `defineStream({ name: "events", ... })`. */
function namesGivenTo(callee: string, folder: string): string[] {
  const names: string[] = [];
  for (const { file, tree } of sources) {
    if (!file.startsWith(folder)) continue;
    walk(tree, (node) => {
      if (!ts.isCallExpression(node) || node.expression.getText() !== callee) return;
      const [first] = node.arguments;
      const name = first && (ts.isObjectLiteralExpression(first) ? nameOf(first) : first);
      if (!name || !ts.isStringLiteralLike(name)) throw new Error(`${file}: ${callee} is given no plain name`);
      names.push(name.text);
    });
  }
  return names.sort();
}

function nameOf(object: ts.ObjectLiteralExpression): ts.Expression | undefined {
  for (const property of object.properties) {
    if (ts.isPropertyAssignment(property) && property.name.getText() === "name") return property.initializer;
  }
  return undefined;
}

const namesOf = (list: readonly { readonly name: string }[]): string[] => list.map(({ name }) => name).sort();

test("every group of routes is served", () => {
  // each listener adds these two by itself
  const declared = namesGivenTo("group", "rest/").filter((name) => name !== "health" && name !== "metrics");
  expect(declared).toEqual(namesOf(allGroups));
});

test("every stream is loaded and followed", () => {
  expect(namesGivenTo("defineStream", "")).toEqual(namesOf(allStreams));
});

test("every call between processes is received", () => {
  expect(namesGivenTo("defineRpc", "")).toEqual(namesOf(allRpcs));
});

test("names are unique", () => {
  for (const list of [allGroups, allStreams, allRpcs]) expect(new Set(namesOf(list)).size).toBe(list.length);
});
