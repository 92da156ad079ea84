import { MatrixError } from "../../errors";
import type { App } from "../app";
import type { Requester } from "../requester";

export interface ThirdPartyInvite {
  readonly idServer: string;
  readonly idAccessToken?: string | undefined;
  readonly medium: string;
  readonly address: string;
}

/** Invites by e-mail address or telephone number (client-server API, "Third-party invites"). */
export async function inviteByThirdPartyId(_app: App, _requester: Requester, _roomId: string, _invite: ThirdPartyInvite): Promise<void> {
  throw new MatrixError(400, "M_UNRECOGNIZED", "Invitations by third-party identifier are not available");
}
