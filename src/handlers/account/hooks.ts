type Listener<Event> = (event: Event) => void | Promise<void>;

/**
 * Where subjects that build on accounts join in (App.hooks tells of whole accounts). Each list is filled while the server is put
 * together. A listener is awaited before the client gets its answer; one that fails is reported and stops nobody.
 */
export interface AccountListeners {
  /** Keys, to-device messages and dehydrated devices of devices that are gone. */
  readonly devicesDeleted: Listener<{ readonly userId: string; readonly deviceIds: readonly string[] }>[];
  /** Pushers that were set with access tokens that are gone. */
  readonly tokensDeleted: Listener<{ readonly userId: string; readonly tokenIds: readonly number[] }>[];
  /** Whoever else can tell whether a password is right (LDAP): asked when the server's own table says no. */
  readonly passwordCheckers: ((userId: string, password: string) => Promise<boolean>)[];
}

export function createAccountListeners(): AccountListeners {
  return { devicesDeleted: [], tokensDeleted: [], passwordCheckers: [] };
}

/** Runs the listeners side by side. */
export async function tell<Event>(onError: (error: unknown) => void, listeners: readonly Listener<Event>[], event: Event): Promise<void> {
  if (listeners.length === 0) return;
  const results = await Promise.allSettled(listeners.map(async (listener) => listener(event)));
  for (const result of results) if (result.status === "rejected") onError(result.reason);
}
