import { accountDataStream } from "./accountData";
import { accountsStream } from "./accounts";
import { cachesStream } from "./caches";
import type { AnyStream } from "./defineStream";
import { deviceListsStream } from "./deviceLists";
import { eventsStream } from "./events";
import { presenceStream } from "./presence";
import { pushersStream } from "./pushers";
import { pushRulesStream } from "./pushRules";
import { receiptsStream } from "./receipts";
import { toDeviceStream } from "./toDevice";
import { typingStream } from "./typing";
import { unPartialStatedRoomStream } from "./unPartialStatedRoom";

/** Every stream of the server. A stream that isn't listed here is neither loaded nor followed. */
export const allStreams: readonly AnyStream[] = [
  eventsStream,
  unPartialStatedRoomStream,
  accountDataStream,
  pushRulesStream,
  receiptsStream,
  toDeviceStream,
  deviceListsStream,
  pushersStream,
  accountsStream,
  cachesStream,
  presenceStream,
  typingStream,
] as readonly AnyStream[];
