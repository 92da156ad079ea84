import { accountChangesBetween } from "../storage/accountChanges";
import type { AccountChange } from "../storage/accountChanges";
import { defineStream } from "./defineStream";
import type { RowCodec } from "./tuple";
import { tuple } from "./tuple";

/** What this stream wants of the caches. */
export interface AccountCaches {
  /** Forgets all that is known of a user: access tokens, flags, devices. */
  forgetAccount(userId: string): void;
  /** Forgets whose accounts were erased. */
  forgetErased(): void;
}

const row = tuple({ userId: "string", what: "string" }) as unknown as RowCodec<AccountChange>;

/**
 * Accounts whose tokens or flags changed (logout, password, deactivation, lock ...): every process drops what it holds of them.
 * Any process writes it, in the transaction of the change.
 */
export const accountsStream = defineStream<AccountChange, AccountCaches>({
  name: "accounts",
  writer: "main",
  sharding: "single",
  sequence: "accounts_stream_seq",
  row,
  catchUp: accountChangesBetween,
  invalidates: ({ userId, what }, caches) => {
    if (what !== "profile") caches.forgetAccount(userId);
    if (what === "account") caches.forgetErased();
  },
});
