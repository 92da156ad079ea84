import { Registry } from "prom-client";

/** One time series. Hot paths keep it and write `cell.value++`; nothing else happens until somebody scrapes. */
export interface Cell {
  value: number;
}

/** A metric with labels. Series are made on first use, so label values must come from a bounded set: never a room or user id. */
export interface Family {
  cell(...labels: readonly string[]): Cell;
}

export interface HistogramCell {
  observe(value: number): void;
}

export interface HistogramFamily {
  cell(...labels: readonly string[]): HistogramCell;
}

export type Sample = { readonly labels: readonly string[]; readonly value: number };

export interface MetricOptions {
  /** The exposed name, of counters with `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** What the cache of a name tells; `createCache` keeps these numbers. */
export interface WatchedCache {
  readonly name: string;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly size: () => number;
  readonly max: number;
}

/** The metrics of this process. Names and labels follow Synapse where the meaning is equal. */
export interface Metrics {
  counter(options: MetricOptions): Family;
  /** A gauge that is written as things change. */
  gauge(options: MetricOptions): Family;
  /** A gauge or counter that is computed at each scrape. */
  computed(type: "gauge" | "counter", options: MetricOptions, collect: () => Iterable<Sample>): void;
  /** `buckets` ascending, without +Inf. */
  histogram(options: MetricOptions & { readonly buckets?: readonly number[] }): HistogramFamily;
  watchCache(cache: WatchedCache): void;
  /** The sum of a counter or gauge over its series; undefined where this process has none of that name. */
  read(name: string): Promise<number | undefined>;
  /** Prometheus text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** prom-client's defaults, which Synapse's Python library has too. */
const DEFAULT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

type Labels = Record<string, string | number>;
interface Value {
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
}

/** Series by label values, in order of first use. */
class Series<C> {
  private readonly cells = new Map<string, { readonly labels: Labels; readonly cell: C }>();

  constructor(
    private readonly names: readonly string[],
    private readonly make: () => C,
  ) {
    if (names.length === 0) this.cell();
  }

  cell(...labels: readonly string[]): C {
    const key = labels.length === 1 ? (labels[0] ?? "") : labels.join("\u0000");
    const known = this.cells.get(key);
    if (known) return known.cell;
    const cell = this.make();
    this.cells.set(key, { labels: labelled(this.names, labels), cell });
    return cell;
  }

  entries(): Iterable<{ readonly labels: Labels; readonly cell: C }> {
    return this.cells.values();
  }
}

function labelled(names: readonly string[], values: readonly string[]): Labels {
  return Object.fromEntries(names.map((name, i) => [name, values[i] ?? ""]));
}

/**
 * Creates the registry of a process. Values are aggregated in plain objects and handed to prom-client at scrape time: its own counters
 * cost a hash of the labels at each step.
 */
export function createMetrics(serverName: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ server_name: serverName });
  const caches = new Map<string, WatchedCache>();

  /** prom-client only calls `get`, so this is all it takes to be a metric. */
  function register(type: string, { name, help }: MetricOptions, values: () => Value[]): void {
    const metric = { name, help, type, get: () => ({ name, help, type, values: values(), aggregator: "sum" }) };
    registry.registerMetric(metric as unknown as Parameters<Registry["registerMetric"]>[0]);
  }

  function family(type: "gauge" | "counter", options: MetricOptions): Family {
    const series = new Series<Cell>(options.labels ?? [], () => ({ value: 0 }));
    register(type, options, () => Array.from(series.entries(), ({ labels, cell }) => ({ labels, value: cell.value })));
    return series;
  }

  const metrics: Metrics = {
    counter: (options) => family("counter", options),
    gauge: (options) => family("gauge", options),
    computed(type, options, collect) {
      const names = options.labels ?? [];
      register(type, options, () => Array.from(collect(), ({ labels, value }) => ({ labels: labelled(names, labels), value })));
    },
    histogram(options) {
      const series = new Series(options.labels ?? [], () => new Histogram(options.buckets ?? DEFAULT_BUCKETS));
      register("histogram", options, () => Array.from(series.entries(), ({ labels, cell }) => cell.values(options.name, labels)).flat());
      return series;
    },
    watchCache: (cache) => void caches.set(cache.name, cache),
    async read(name) {
      const metric = registry.getSingleMetric(name) as { get(): { readonly values: readonly Value[] } } | undefined;
      return metric && metric.get().values.reduce((sum, { value }) => sum + value, 0);
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
  exposeCaches(metrics, caches);
  return metrics;
}

class Histogram implements HistogramCell {
  private readonly counts: number[];
  private sum = 0;

  constructor(private readonly buckets: readonly number[]) {
    this.counts = Array.from({ length: buckets.length + 1 }, () => 0);
  }

  observe(value: number): void {
    let i = 0;
    while (i < this.buckets.length && value > (this.buckets[i] ?? Infinity)) i++;
    this.counts[i] = (this.counts[i] ?? 0) + 1;
    this.sum += value;
  }

  /** Buckets count cumulatively in the exposition. */
  values(name: string, labels: Labels): Value[] {
    let total = 0;
    const values: Value[] = this.counts.map((count, i) => {
      total += count;
      return { metricName: `${name}_bucket`, labels: { ...labels, le: this.buckets[i] ?? "+Inf" }, value: total };
    });
    return [...values, { metricName: `${name}_sum`, labels, value: this.sum }, { metricName: `${name}_count`, labels, value: total }];
  }
}

function exposeCaches(metrics: Metrics, caches: ReadonlyMap<string, WatchedCache>): void {
  const each = (name: string, help: string, read: (cache: WatchedCache) => number): void =>
    metrics.computed("gauge", { name, help, labels: ["name"] }, () =>
      Array.from(caches.values(), (cache) => ({ labels: [cache.name], value: read(cache) })),
    );
  each("synapse_util_caches_cache", "Lookups", (cache) => cache.hits + cache.misses);
  each("synapse_util_caches_cache_hits", "Lookups that found something", (cache) => cache.hits);
  each("synapse_util_caches_cache_size", "Entries, or bytes", (cache) => cache.size());
  each("synapse_util_caches_cache_max_size", "Most entries, or bytes", (cache) => cache.max);
  const evicted = { name: "synapse_util_caches_cache_evicted_size", help: "Evictions", labels: ["name", "reason"] };
  metrics.computed("gauge", evicted, () =>
    Array.from(caches.values(), (cache) => ({ labels: [cache.name, "size"], value: cache.evictions })),
  );
}
