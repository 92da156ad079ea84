import type { StoredEvent } from "../../caches/events";
import { canonicalJson } from "../../lib/canonicalJson";
import { JsonText } from "../../lib/jsonText";
import { redact } from "../../rooms/redact";

/** An event as other servers get it: the text as it lies, or redacted where a redaction is in force. */
export function pduText({ row, shown }: StoredEvent): JsonText {
  return row.redactedBy === null ? new JsonText(row.json) : new JsonText(canonicalJson(shown.pdu));
}

/** An event that the other server may know of but not read. */
export function redactedPduText({ event }: StoredEvent): JsonText {
  return new JsonText(canonicalJson(redact(event.version, event.pdu)));
}
