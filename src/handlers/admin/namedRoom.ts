import type { App } from "../app";
import { resolveAlias } from "../rooms/aliases";
import { refuse } from "./targets";

/** The room of an id or alias, and servers through which it can be entered. 400 for what is neither, 404 for aliases of no room. */
export async function roomNamed(app: App, name: string): Promise<{ roomId: string; servers: readonly string[] }> {
  if (name.startsWith("#")) return resolveAlias(app, name);
  if (!name.startsWith("!")) throw refuse(`${name.slice(0, 300)} was not legal room ID or room alias`);
  return { roomId: name, servers: [] };
}
