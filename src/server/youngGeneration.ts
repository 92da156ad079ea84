import { PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

const MIB = 1024 * 1024;

/**
 * Keeps the space for new objects small: `size` MiB for both of its halves, each of which V8 lets grow to 16. The limit is a flag for the
 * command line alone, but by how much the space grows is read each time that it does. It may shrink when the process has little to do, and
 * then has to be able to grow again. Not before all is loaded: a code cache is good for the flags only under which it was made.
 */
export function limitYoungGeneration(size: number): void {
  let factor = 0;
  const observer = new PerformanceObserver(() => {
    const now = getHeapSpaceStatistics().find((space) => space.space_name === "new_space")?.space_size ?? 0;
    const wanted = now < size * MIB ? 2 : 1;
    if (wanted !== factor) setFlagsFromString(`--semi-space-growth-factor=${(factor = wanted)}`);
  });
  observer.observe({ entryTypes: ["gc"] });
}
