import type { JsonValue } from "../lib/json";

/** What a field of a row may hold. A question mark lets it be null. */
interface FieldTypes {
  string: string;
  "string?": string | null;
  int: number;
  "int?": number | null;
  bool: boolean;
  json: JsonValue;
}
type FieldKind = keyof FieldTypes;
type Fields = Readonly<Record<string, FieldKind>>;
export type RowOf<F extends Fields> = { readonly [K in keyof F]: FieldTypes[F[K]] };

/** Turns rows into JSON arrays and back. */
export interface RowCodec<Row> {
  encode(row: Row): JsonValue[];
  /** Throws an Error that names the field when the array doesn't fit. Takes the fields from `start` on. */
  decode(wire: readonly unknown[], start?: number): Row;
}

function fits(kind: FieldKind, value: unknown): boolean {
  if (value === null) return kind === "json" || kind.endsWith("?");
  switch (kind) {
    case "string":
    case "string?":
      return typeof value === "string";
    case "int":
    case "int?":
      return Number.isSafeInteger(value);
    case "bool":
      return typeof value === "boolean";
    case "json":
      return true;
  }
}

/**
 * A codec for rows with these fields, on the wire a JSON array in the order in which they are declared. Fields that the
 * sender doesn't know yet are null where that is allowed, and those that we don't know are ignored, so that processes of two
 * versions understand each other while a field is being added at the end.
 */
export function tuple<const F extends Fields>(fields: F): RowCodec<RowOf<F>> {
  const names = Object.entries(fields);
  return {
    encode: (row) => names.map(([name]) => (row[name] ?? null) as JsonValue),
    decode: (wire, start = 0) => {
      const row: Record<string, unknown> = {};
      names.forEach(([name, kind], i) => {
        const value = wire[start + i] ?? null;
        if (!fits(kind, value)) throw new Error(`field ${name} is not a ${kind}`);
        row[name] = value;
      });
      return row as RowOf<F>;
    },
  };
}
