import { serverNoticeRoutes } from "./admin/serverNotices";
import { anyRoomRoutes } from "./admin/anyRoom";
import { adminDeviceRoutes } from "./admin/devices";
import { clusterRoutes } from "./admin/cluster";
import { purgeHistoryRoutes } from "./admin/purge";
import { adminRegisterRoutes } from "./admin/register";
import { registrationTokenRoutes } from "./admin/registrationTokens";
import { roomDeletionRoutes } from "./admin/roomDeletion";
import { adminReportRoutes } from "./admin/reports";
import { adminFederationRoutes, adminServerRoutes, backgroundUpdateRoutes } from "./admin/server";
import { adminRoomRoutes } from "./admin/rooms";
import { adminUserDetailRoutes } from "./admin/userDetails";
import { adminUserActionRoutes, adminUserRoutes } from "./admin/users";
import { accountRoutes, openIdRoutes, passwordRoutes, whoisRoutes } from "./client/account";
import { accountDataRoutes } from "./client/accountData";
import { createRoomRoutes } from "./client/createRoom";
import { dehydratedDeviceRoutes } from "./client/dehydratedDevice";
import { delayedEventRoutes } from "./client/delayedEvents";
import { deviceRoutes } from "./client/devices";
import { filterRoutes } from "./client/filters";
import { keyRoutes } from "./client/keys";
import { legacyRoutes } from "./client/legacy";
import { loginRoutes, loginTokenRoutes } from "./client/login";
import { loginPageRoutes } from "./client/loginPage";
import { logoutRoutes } from "./client/logout";
import { membershipRoutes } from "./client/membership";
import { mutualRoomRoutes } from "./client/mutualRooms";
import { notificationRoutes } from "./client/notifications";
import { presenceRoutes } from "./client/presence";
import { profileRoutes } from "./client/profile";
import { pusherRoutes } from "./client/pushers";
import { pushRuleRoutes } from "./client/pushRules";
import { readMarkerRoutes } from "./client/readMarkers";
import { receiptRoutes } from "./client/receipts";
import { appserviceRoutes } from "./client/appservices";
import { registerRoutes } from "./client/register";
import { thirdPartyRoutes } from "./client/thirdParty";
import { directoryRoutes } from "./client/directory";
import { relationRoutes } from "./client/relations";
import { reportRoutes } from "./client/reports";
import { restrictionRoutes } from "./client/restrictions";
import { voipRoutes } from "./client/voip";
import { roomKeyRoutes } from "./client/roomKeys";
import { roomReadRoutes } from "./client/roomRead";
import { roomSendRoutes } from "./client/roomSend";
import { searchRoutes } from "./client/search";
import { sendToDeviceRoutes } from "./client/sendToDevice";
import { signOnRoutes } from "./client/signOn";
import { spaceRoutes } from "./client/spaces";
import { slidingSyncRoutes } from "./client/slidingSync";
import { syncRoutes } from "./client/sync";
import { tagRoutes } from "./client/tags";
import { threepidRoutes } from "./client/threepids";
import { threepidValidationRoutes } from "./client/threepidValidation";
import { typingRoutes } from "./client/typing";
import { uiaFallbackRoutes } from "./client/uiaFallback";
import { unsubscribeRoutes } from "./client/unsubscribe";
import { upgradeRoutes } from "./client/upgrade";
import { userDirectoryRoutes } from "./client/userDirectory";
import { versionRoutes } from "./client/versions";
import { wellKnownRoutes } from "./client/wellKnown";
import { federationHierarchyRoutes } from "./federation/hierarchy";
import { federationEventRoutes, federationHistoryRoutes } from "./federation/events";
import { notaryRoutes, serverKeyRoutes } from "./federation/keys";
import { federationInviteRoutes, federationJoinRoutes, federationKnockRoutes, federationLeaveRoutes } from "./federation/membership";
import { federationKeyRoutes } from "./federation/userKeys";
import { openIdUserInfoRoutes } from "./federation/openId";
import { federationPublicRoomsRoutes, federationQueryRoutes } from "./federation/query";
import { federationVersionRoutes } from "./federation/version";
import { transactionRoutes } from "./federation/transactions";
import { thirdPartyInviteRoutes } from "./federation/thirdPartyInvites";
import { mediaAdminRoutes, quarantineRoutes } from "./media/admin";
import { mediaDownloadRoutes, openDownloadRoutes } from "./media/download";
import { federationMediaRoutes } from "./media/federation";
import { previewRoutes } from "./media/preview";
import { mediaConfigRoutes, mediaUploadRoutes } from "./media/upload";
import { consentRoutes } from "./consent";
import { replicationRoutes } from "./replication/rpc";
import type { RouteGroup } from "./route";

/** Every route of the server. A group that isn't listed here is served nowhere. */
export const allGroups: readonly RouteGroup[] = [
  accountDataRoutes,
  accountRoutes,
  adminDeviceRoutes,
  adminFederationRoutes,
  adminRegisterRoutes,
  adminReportRoutes,
  adminRoomRoutes,
  adminServerRoutes,
  adminUserActionRoutes,
  adminUserDetailRoutes,
  adminUserRoutes,
  anyRoomRoutes,
  appserviceRoutes,
  backgroundUpdateRoutes,
  consentRoutes,
  clusterRoutes,
  createRoomRoutes,
  dehydratedDeviceRoutes,
  delayedEventRoutes,
  deviceRoutes,
  directoryRoutes,
  federationHierarchyRoutes,
  federationEventRoutes,
  federationHistoryRoutes,
  federationInviteRoutes,
  federationJoinRoutes,
  federationKnockRoutes,
  federationLeaveRoutes,
  federationMediaRoutes,
  federationKeyRoutes,
  federationPublicRoomsRoutes,
  federationQueryRoutes,
  federationVersionRoutes,
  filterRoutes,
  keyRoutes,
  legacyRoutes,
  loginPageRoutes,
  loginRoutes,
  loginTokenRoutes,
  logoutRoutes,
  mediaAdminRoutes,
  mediaConfigRoutes,
  mediaDownloadRoutes,
  mediaUploadRoutes,
  membershipRoutes,
  mutualRoomRoutes,
  notaryRoutes,
  notificationRoutes,
  openDownloadRoutes,
  openIdRoutes,
  openIdUserInfoRoutes,
  passwordRoutes,
  presenceRoutes,
  previewRoutes,
  profileRoutes,
  purgeHistoryRoutes,
  pushRuleRoutes,
  pusherRoutes,
  quarantineRoutes,
  readMarkerRoutes,
  receiptRoutes,
  registerRoutes,
  registrationTokenRoutes,
  relationRoutes,
  replicationRoutes,
  reportRoutes,
  restrictionRoutes,
  roomDeletionRoutes,
  roomKeyRoutes,
  roomReadRoutes,
  roomSendRoutes,
  searchRoutes,
  sendToDeviceRoutes,
  signOnRoutes,
  serverKeyRoutes,
  serverNoticeRoutes,
  spaceRoutes,
  slidingSyncRoutes,
  syncRoutes,
  tagRoutes,
  thirdPartyInviteRoutes,
  thirdPartyRoutes,
  threepidRoutes,
  threepidValidationRoutes,
  transactionRoutes,
  typingRoutes,
  uiaFallbackRoutes,
  unsubscribeRoutes,
  upgradeRoutes,
  userDirectoryRoutes,
  versionRoutes,
  voipRoutes,
  wellKnownRoutes,
  whoisRoutes,
];
