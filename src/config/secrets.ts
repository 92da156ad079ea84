import { readFileSync, writeFileSync } from "node:fs";
import type { Random } from "../lib/random";
import type { ConfigProblem } from "./problems";
import type { SchemaNode } from "./schema";
import { reason } from "./sources";

export interface SecretContext {
  readonly problem: (problem: Omit<ConfigProblem, "file">) => void;
  readonly willBeMade: (key: string, path: string) => void;
  /** Makes secret files that do not exist yet, where the schema says so. Absent: nothing is written. */
  readonly createMissing: Random | undefined;
  /** `--no-secrets-in-config`: secrets must stand in files of their own. */
  readonly noSecretsInConfig: boolean;
}

interface SecretKey {
  readonly node: SchemaNode;
  readonly path: string;
  readonly sibling: string;
  readonly siblings: Readonly<Record<string, unknown>>;
}

const ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:^&*-_+=#~@";

/** A random secret that needs no quoting inside a single-quoted or double-quoted YAML text. */
export function randomSecret(random: Random): string {
  return random.string(50, ALPHABET);
}

/** The contents of the file which a `*_path` key names, without surrounding white space. */
export function readSecret(key: SecretKey, file: unknown, context: SecretContext): string | undefined {
  if (typeof file !== "string") {
    context.problem({ key: key.path, wanted: "must be the name of a file" });
    return undefined;
  }
  if (key.siblings[key.sibling] !== undefined) {
    context.problem({ key: key.path, wanted: `give either this or ${key.sibling}, not both` });
    return undefined;
  }
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (isMissing && key.node["x-createIfMissing"] === true) return createSecret(key, file, context);
    context.problem({ key: key.path, wanted: `${file} cannot be read: ${reason(error)}` });
    return undefined;
  }
}

function createSecret(key: SecretKey, file: string, context: SecretContext): string | undefined {
  if (context.createMissing === undefined) {
    context.willBeMade(key.path, file);
    return undefined;
  }
  const secret = randomSecret(context.createMissing);
  try {
    writeFileSync(file, `${secret}\n`, { mode: 0o600, flag: "wx" });
    return secret;
  } catch (error) {
    context.problem({ key: key.path, wanted: `${file} cannot be written: ${reason(error)}` });
    return undefined;
  }
}
