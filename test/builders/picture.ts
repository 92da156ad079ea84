import sharp from "sharp";
import type { Metadata } from "sharp";

/**
 * The server lets the image library read nothing but files of a few kinds, for the whole process: where another test file has loaded
 * that part of it into this one, pictures in memory are "of an unsupported format" until they are allowed again.
 */
export function allowBuffers(): void {
  sharp.unblock({ operation: ["Jpeg", "Png", "Webp", "Nsgif"].map((name) => `VipsForeignLoad${name}Buffer`) });
}

/** What a picture in memory is: format, width, height, pages. */
export function pictureFacts(bytes: Buffer): Promise<Metadata> {
  allowBuffers();
  return sharp(bytes, { animated: true }).metadata();
}
