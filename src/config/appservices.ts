/** One pattern of a namespace. */
export interface Namespace {
  readonly exclusive: boolean;
  /** As in the registration file; it has to match from the start of the id. */
  readonly regex: string;
  /** Whether the pattern matches this id. Takes time linear in the length of the id whatever the pattern. */
  matches(id: string): boolean;
}

/** An application service, from its registration file (specification: application service API, "Registration"). */
export interface AppService {
  readonly id: string;
  /** Without a trailing slash; absent for one that is never sent anything. */
  readonly url: string | undefined;
  readonly asToken: string;
  readonly hsToken: string;
  /** `sender_localpart` */
  readonly sender: string;
  readonly senderUserId: string;
  readonly namespaces: {
    readonly users: readonly Namespace[];
    readonly aliases: readonly Namespace[];
    readonly rooms: readonly Namespace[];
  };
  readonly rateLimited: boolean;
  readonly protocols: readonly string[];
  /** Wants typing, receipts and presence (MSC2409: `receive_ephemeral` or its unstable names). */
  readonly pushEphemeral: boolean;
  /** Wants to-device messages as well (MSC4203, behind `experimental_features.msc2409_to_device_messages_enabled`). */
  readonly supportsToDevice: boolean;
  /** `org.matrix.msc3202`: device lists and key counts in transactions. */
  readonly msc3202TransactionExtensions: boolean;
  /** `io.element.msc4190`: makes devices without logging in. */
  readonly msc4190DeviceManagement: boolean;
  readonly ipRangeWhitelist: readonly string[] | undefined;
}
