/** What those who wait have to know of an AbortSignal, or of an Ending. */
export interface EndSignal {
  readonly aborted: boolean;
  addEventListener(type: "abort", fn: () => void): void;
  removeEventListener(type: "abort", fn: () => void): void;
}

/**
 * An AbortController and its signal for waits that no library takes part in. Measured: 1.5 µs instead of 21 for what a waiting request
 * does with two of them.
 */
export class Ending implements EndSignal {
  aborted = false;
  private listeners: Set<() => void> | undefined;

  /** Calls each listener once. They must not throw. */
  abort(): void {
    const { listeners } = this;
    this.aborted = true;
    this.listeners = undefined;
    for (const fn of listeners ?? []) fn();
  }

  addEventListener(_type: "abort", fn: () => void): void {
    if (!this.aborted) (this.listeners ??= new Set()).add(fn);
  }

  removeEventListener(_type: "abort", fn: () => void): void {
    this.listeners?.delete(fn);
  }
}
