/** A room's state: from `stateKeyOf(type, state key)` to event id. */
export type StateMap = ReadonlyMap<string, string>;

/** One string for a (type, state key) pair. NUL cannot occur in either (`checkPduShape`). */
export function stateKeyOf(type: string, stateKey: string): string {
  return `${type}\0${stateKey}`;
}

/** The pair that `stateKeyOf` joined. */
export function splitStateKey(key: string): [type: string, stateKey: string] {
  const at = key.indexOf("\0");
  return [key.slice(0, at), key.slice(at + 1)];
}
