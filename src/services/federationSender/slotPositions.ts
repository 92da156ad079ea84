interface Place {
  position: number;
}

/** The places of all slots at one time. */
export interface Covered {
  readonly size: number;
  /** The lowest. */
  readonly position: number;
  readonly positions: ReadonlyMap<number, number>;
  /** Moves those on that are still ours. */
  moveTo(position: number): void;
}

/** How far each slot of ours has been read in a stream. They go together, unless one was gained that is behind. */
export class SlotPositions {
  private readonly places = new Map<number, Place>();

  has(slot: number): boolean {
    return this.places.has(slot);
  }

  gain(slot: number, position: number): void {
    this.places.set(slot, { position });
  }

  lose(slot: number): void {
    this.places.delete(slot);
  }

  of(slot: number): number {
    return this.places.get(slot)?.position ?? 0;
  }

  lowest(): number {
    let lowest = Infinity;
    for (const { position } of this.places.values()) lowest = Math.min(lowest, position);
    return lowest === Infinity ? 0 : lowest;
  }

  /** Whether there are slots, and all of them have been read up to exactly this position. */
  standAt(position: number): boolean {
    for (const place of this.places.values()) if (place.position !== position) return false;
    return this.places.size > 0;
  }

  moveTo(position: number): void {
    for (const place of this.places.values()) place.position = Math.max(place.position, position);
  }

  slots(): number[] {
    return [...this.places.keys()];
  }

  current(): Covered {
    const places = [...this.places];
    return {
      size: places.length,
      position: this.lowest(),
      positions: new Map(places.map(([slot, place]) => [slot, place.position])),
      moveTo(position) {
        for (const [, place] of places) place.position = Math.max(place.position, position);
      },
    };
  }
}
