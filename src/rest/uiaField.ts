import { maybe, openObject, optional, string } from "../lib/schema";

/** `auth` of requests that the user has to confirm. Clients that have nothing to tell yet may send null. */
export const uiaField = maybe(openObject({ type: optional(string()), session: optional(string()) }));
