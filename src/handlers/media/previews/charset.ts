import { isUtf8 } from "node:buffer";

const PROLOGUE_BYTES = 2048;

/** How the text of a page is encoded: as it says itself, else as its header says, else UTF-8 if it can be, else Windows-1252. */
export function charsetOf(page: Buffer, contentType: string): string {
  const prologue = page.subarray(0, PROLOGUE_BYTES).toString("latin1");
  const candidates = [
    /<\s*meta[^>]*\bcharset\s*=\s*["']?\s*([\w-]+)/i.exec(prologue)?.[1],
    /^\s*<\?xml[^>]*\bencoding\s*=\s*["']([\w-]+)/i.exec(prologue)?.[1],
    /;\s*charset\s*=\s*["']?([\w-]+)/i.exec(contentType)?.[1],
  ];
  for (const name of candidates) if (name !== undefined && isKnown(name)) return name;
  return isUtf8(page) ? "utf-8" : "windows-1252";
}

function isKnown(name: string): boolean {
  try {
    new TextDecoder(name);
    return true;
  } catch {
    return false;
  }
}
