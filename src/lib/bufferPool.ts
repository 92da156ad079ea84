/** Memory that is used again and again: new memory for each use would be most of what the use costs. */
export interface BufferPool {
  /** Memory of the pool's size, or of less where more is not needed or all is taken. */
  take(needed?: number): Buffer;
  /** Nobody may use it any more. */
  give(buffer: Buffer): void;
}

/** The types of Node leave it out. */
declare const WebAssembly: { readonly Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer } };
const WASM_PAGE = 65_536;

/**
 * `most` buffers of `size` bytes, a multiple of 64 KiB; who comes while all are taken gets `small`. Each begins at a page of the machine, which of all
 * memory only that for WebAssembly is sure to do. It takes space once it is used for the first time.
 */
export function createBufferPool({ size, small, most }: { size: number; small: number; most: number }): BufferPool {
  const spare: Buffer[] = [];
  let memory: { readonly buffer: ArrayBuffer } | undefined;
  let made = 0;
  function make(): Buffer {
    const pages = (size / WASM_PAGE) * most;
    memory ??= new WebAssembly.Memory({ initial: pages, maximum: pages });
    return Buffer.from(memory.buffer, size * made++, size);
  }
  return {
    take(needed = size) {
      const fits = needed > small && (spare.length > 0 || made < most);
      return fits ? (spare.pop() ?? make()) : Buffer.allocUnsafe(Math.min(needed, small));
    },
    give(buffer) {
      if (buffer.length === size) spare.push(buffer);
    },
  };
}
