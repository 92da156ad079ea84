export type ImageType = "image/jpeg" | "image/png" | "image/gif" | "image/webp" | "image/avif";

const at = (bytes: Buffer, offset: number, text: string): boolean =>
  bytes.subarray(offset, offset + text.length).equals(Buffer.from(text, "latin1"));

const signatures: readonly (readonly [ImageType, (bytes: Buffer) => boolean])[] = [
  ["image/jpeg", (bytes) => at(bytes, 0, "\xff\xd8\xff")],
  ["image/png", (bytes) => at(bytes, 0, "\x89PNG\r\n\x1a\n")],
  ["image/gif", (bytes) => at(bytes, 0, "GIF87a") || at(bytes, 0, "GIF89a")],
  ["image/webp", (bytes) => at(bytes, 0, "RIFF") && at(bytes, 8, "WEBP")],
  ["image/avif", (bytes) => at(bytes, 4, "ftypavif") || at(bytes, 4, "ftypavis")],
];

/** What kind of image begins with these bytes. The announced content type is a stranger's word; and SVG is a program, not an image. */
export function imageTypeOf(bytes: Buffer): ImageType | undefined {
  return signatures.find(([, matches]) => matches(bytes))?.[0];
}
