import type { XmlElement } from "../../../lib/xml";
import { parseXml } from "../../../lib/xml";

/** What a CAS server says of a ticket. */
export type CasReply =
  | { readonly user: string; readonly attributes: ReadonlyMap<string, readonly string[]> }
  /** `code` as in the protocol: INVALID_TICKET, INVALID_SERVICE ... */
  | { readonly code: string; readonly message: string };

const childOf = (parent: XmlElement, name: string): XmlElement | undefined => parent.children.find((child) => child.name === name);

/** Reads the answer of /proxyValidate and its like (CAS protocol 3.0.3, section 2.5). Throws where it isn't one. */
export function readCasReply(xml: string): CasReply {
  const root = parseXml(xml);
  if (root.name !== "serviceResponse") throw new Error("the answer isn't of a CAS server");
  const failure = childOf(root, "authenticationFailure");
  if (failure) return { code: /code\s*=\s*["']([A-Z_]+)["']/.exec(xml)?.[1] ?? "UNKNOWN", message: failure.text };
  const success = childOf(root, "authenticationSuccess");
  const user = success && childOf(success, "user")?.text;
  if (!success || !user) throw new Error("the answer names no user");
  const attributes = new Map<string, string[]>();
  for (const { name, text } of childOf(success, "attributes")?.children ?? [])
    attributes.set(name, [...(attributes.get(name) ?? []), text]);
  return { user, attributes };
}

/** Whether what the operator demands is there: each attribute with its value among its values, or with any where that is null. */
export function hasAttributes(
  attributes: ReadonlyMap<string, readonly string[]>,
  required: Readonly<Record<string, string | null>>,
): boolean {
  return Object.entries(required).every(([name, value]) => {
    const values = attributes.get(name);
    return values !== undefined && (value === null || values.includes(value));
  });
}
