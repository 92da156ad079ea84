import type { Clock } from "../../lib/clock";
import type { Receipt } from "../../storage/receipts";

interface Room {
  /** Until when receipts of the room wait for each other. */
  readonly until: number;
  waiting: Map<string, Receipt> | undefined;
}

const TICK_MS = 100;

/**
 * Receipts of a room go out together, at most so often (`federation_rr_transactions_per_room_per_second`): the first at once, those that
 * come soon after it a little later.
 */
export class ReceiptPace {
  private readonly rooms = new Map<string, Room>();
  private timer: NodeJS.Timeout | undefined;
  private readonly intervalMs: number;

  constructor(
    perSecond: number,
    private readonly clock: Pick<Clock, "now">,
    private readonly send: (receipts: readonly Receipt[]) => void,
  ) {
    this.intervalMs = 1_000 / Math.max(perSecond, 0.001);
  }

  add(receipt: Receipt): void {
    const { roomId, userId, threadId } = receipt;
    const room = this.rooms.get(roomId);
    if (room) {
      (room.waiting ??= new Map()).set(`${userId} ${threadId}`, receipt);
      return;
    }
    this.open(roomId);
    this.send([receipt]);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private open(roomId: string): void {
    this.rooms.set(roomId, { until: this.clock.now() + this.intervalMs, waiting: undefined });
    this.timer ??= setInterval(() => this.tick(), TICK_MS).unref();
  }

  private tick(): void {
    const now = this.clock.now();
    for (const [roomId, { until, waiting }] of [...this.rooms]) {
      if (until > now) continue;
      this.rooms.delete(roomId);
      if (!waiting) continue;
      this.open(roomId);
      this.send([...waiting.values()]);
    }
    if (this.rooms.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
