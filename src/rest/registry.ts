import { adminRegisterRoutes } from "./admin/register";
import { accountRoutes, openIdRoutes, passwordRoutes, whoisRoutes } from "./client/account";
import { accountDataRoutes } from "./client/accountData";
import { createRoomRoutes } from "./client/createRoom";
import { deviceRoutes } from "./client/devices";
import { filterRoutes } from "./client/filters";
import { loginRoutes, loginTokenRoutes } from "./client/login";
import { loginPageRoutes } from "./client/loginPage";
import { logoutRoutes } from "./client/logout";
import { membershipRoutes } from "./client/membership";
import { presenceRoutes } from "./client/presence";
import { readMarkerRoutes } from "./client/readMarkers";
import { receiptRoutes } from "./client/receipts";
import { registerRoutes } from "./client/register";
import { roomSendRoutes } from "./client/roomSend";
import { sendToDeviceRoutes } from "./client/sendToDevice";
import { syncRoutes } from "./client/sync";
import { tagRoutes } from "./client/tags";
import { threepidRoutes } from "./client/threepids";
import { threepidValidationRoutes } from "./client/threepidValidation";
import { typingRoutes } from "./client/typing";
import { uiaFallbackRoutes } from "./client/uiaFallback";
import { versionRoutes } from "./client/versions";
import { wellKnownRoutes } from "./client/wellKnown";
import { replicationRoutes } from "./replication/rpc";
import type { RouteGroup } from "./route";

/** Every route of the server. A group that isn't listed here is served nowhere. */
export const allGroups: readonly RouteGroup[] = [
  accountDataRoutes,
  accountRoutes,
  adminRegisterRoutes,
  createRoomRoutes,
  deviceRoutes,
  filterRoutes,
  loginPageRoutes,
  loginRoutes,
  loginTokenRoutes,
  logoutRoutes,
  membershipRoutes,
  openIdRoutes,
  passwordRoutes,
  presenceRoutes,
  readMarkerRoutes,
  receiptRoutes,
  registerRoutes,
  replicationRoutes,
  roomSendRoutes,
  sendToDeviceRoutes,
  syncRoutes,
  tagRoutes,
  threepidRoutes,
  threepidValidationRoutes,
  typingRoutes,
  uiaFallbackRoutes,
  versionRoutes,
  wellKnownRoutes,
  whoisRoutes,
];
