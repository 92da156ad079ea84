import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the text, in hex. */
  readonly hash: string;
  /** The oldest version of the program that can run on the result. */
  readonly oldestCodeVersion: string;
}

const fileName = /^(\d{4})_(\w+)\.sql$/;
const firstLine = /^-- oldest code version: (\d+\.\d+\.\d+)\n/;

/** Reads migrations/NNNN_name.sql beside this file, in order. The build copies that folder beside its bundle. */
export function readMigrations(directory = join(__dirname, "migrations")): Migration[] {
  const migrations = readdirSync(directory)
    .sort()
    .flatMap((file) => {
      const match = fileName.exec(file);
      return match ? [parse(file, Number(match[1]), match[2] ?? "", readFileSync(join(directory, file), "utf8"))] : [];
    });
  migrations.forEach((migration, i) => {
    if (migration.number === migrations[i - 1]?.number) throw new Error(`two migrations have the number ${migration.number}`);
  });
  return migrations;
}

function parse(file: string, number: number, name: string, text: string): Migration {
  const sql = text.replaceAll("\r\n", "\n");
  const oldestCodeVersion = firstLine.exec(sql)?.[1];
  if (oldestCodeVersion === undefined) throw new Error(`${file}: the first line must be "-- oldest code version: x.y.z"`);
  return { number, name, sql, hash: createHash("sha256").update(sql).digest("hex"), oldestCodeVersion };
}

/** The version in package.json, two folders up both from src/storage and from dist/bundle. */
export function codeVersion(): string {
  const text = readFileSync(join(__dirname, "..", "..", "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** Compares x.y.z by numbers; what follows a "-" is left out. */
export function isOlder(version: string, than: string): boolean {
  const parts = (text: string): number[] =>
    text
      .replace(/[-+].*/, "")
      .split(".")
      .map(Number);
  const [a, b] = [parts(version), parts(than)];
  for (let i = 0; i < 3; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
