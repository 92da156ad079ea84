export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface WantedSize extends Size {
  readonly method: "crop" | "scale";
}

/**
 * Which of the configured sizes answers a request (client-server API, "Thumbnails"): of those of its method that cover it the smallest,
 * else the largest there is. Without one of its method, one of the other.
 */
export function configuredSize(wanted: WantedSize, sizes: readonly WantedSize[]): WantedSize | undefined {
  const sameMethod = sizes.filter(({ method }) => method === wanted.method);
  const bySize = (sameMethod.length > 0 ? sameMethod : sizes).toSorted((a, b) => a.width * a.height - b.width * b.height);
  const covering = bySize.filter(({ width, height }) => width >= wanted.width && height >= wanted.height);
  // The shape counts for a crop: it cannot be cut to another one later.
  const distance = ({ width, height }: Size): number => Math.abs(width * wanted.height - height * wanted.width) / (width * height);
  if (wanted.method === "crop") covering.sort((a, b) => distance(a) - distance(b) || a.width * a.height - b.width * b.height);
  return covering[0] ?? bySize.at(-1);
}

/** What comes out: never larger than the image. Scaled keeps the whole image, cropped has the shape asked for. */
export function resultingSize(wanted: WantedSize, image: Size): Size {
  if (wanted.method === "crop") return { width: Math.min(wanted.width, image.width), height: Math.min(wanted.height, image.height) };
  const factor = Math.min(1, wanted.width / image.width, wanted.height / image.height);
  return { width: Math.max(1, Math.floor(image.width * factor)), height: Math.max(1, Math.floor(image.height * factor)) };
}
