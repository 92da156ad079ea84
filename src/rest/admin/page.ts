import { integerText } from "../../lib/schema";

/** A count in a query string, as lists of administrators take it. */
export const count = integerText({ minimum: 0 });
