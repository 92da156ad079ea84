import { type JsonObject, own } from "../lib/json";
import { compileGlob } from "./push/glob";

/** The name without its port. An IPv6 address keeps its brackets. */
const withoutPort = (server: string): string => server.replace(/:\d+$/, "");

const isIpLiteral = (host: string): boolean => host.startsWith("[") || /^\d{1,3}(\.\d{1,3}){3}$/.test(host);

/** Others than the specification says also name servers with their ports, so both forms are looked at. */
function isNamed(content: JsonObject, list: "allow" | "deny", names: readonly string[]): boolean {
  const globs = own(content, list);
  if (!Array.isArray(globs)) return false;
  return globs.some((glob) => typeof glob === "string" && names.some((name) => compileGlob(glob, "whole").matches(name)));
}

/**
 * Whether m.room.server_acl lets a server take part in a room (client-server API, "Server Access Control Lists"); undefined content: there
 * is no such event, and everybody may.
 */
export function aclAllows(content: JsonObject | undefined, server: string): boolean {
  if (!content) return true;
  const name = server.toLowerCase();
  const host = withoutPort(name);
  if (own(content, "allow_ip_literals") === false && isIpLiteral(host)) return false;
  const names = host === name ? [name] : [name, host];
  return !isNamed(content, "deny", names) && isNamed(content, "allow", names);
}
