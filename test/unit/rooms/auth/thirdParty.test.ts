import type { JsonObject } from "../../../../src/lib/json";
import { checkAuth } from "../../../../src/rooms/auth/check";
import { signJson, signingKeyFromSeed } from "../../../../src/rooms/signing";
import { allVersions, room } from "../fixtures/room";

const INVITER = "@inviter:a.test";
const GUEST = "@guest:b.test";
const identity = signingKeyFromSeed("id.test", "ed25519:0", Buffer.alloc(32, 1));
const ephemeral = signingKeyFromSeed("id.test", "ed25519:1", Buffer.alloc(32, 2));
const stranger = signingKeyFromSeed("id.test", "ed25519:0", Buffer.alloc(32, 3));

const signed = signJson({ mxid: GUEST, token: "tok", sender: INVITER }, identity);
const invitation = { public_key: identity.publicKey, public_keys: [{ public_key: ephemeral.publicKey }], display_name: "guest" };

interface Case {
  readonly name: string;
  readonly signed?: JsonObject | undefined;
  readonly invitation?: JsonObject | undefined;
  readonly sender?: string;
  readonly target?: string;
  readonly was?: string;
  readonly reason?: string;
}

const cases: Case[] = [
  { name: "a good one" },
  { name: "signed by the other key", signed: signJson({ mxid: GUEST, token: "tok" }, ephemeral) },
  { name: "with the only key in the list", invitation: { public_keys: [{ public_key: identity.publicKey }] } },
  { name: "of a joined user", was: "join" },
  { name: "of a banned user", was: "ban", reason: "banned" },
  { name: "nothing signed", signed: undefined, reason: "nothing signed" },
  { name: "no mxid", signed: signJson({ token: "tok" }, identity), reason: "no mxid" },
  { name: "no token", signed: signJson({ mxid: GUEST }, identity), reason: "no mxid" },
  { name: "for another", target: "@other:b.test", reason: "somebody else" },
  { name: "unknown token", signed: signJson({ mxid: GUEST, token: "no" }, identity), reason: "unknown token" },
  { name: "of another inviter", sender: "@else:a.test", reason: "did not invite" },
  { name: "signed by a stranger", signed: signJson({ mxid: GUEST, token: "tok" }, stranger), reason: "no valid signature" },
  { name: "tampered with", signed: { ...signed, extra: 1 }, reason: "no valid signature" },
  { name: "unsigned", signed: { mxid: GUEST, token: "tok" }, reason: "no valid signature" },
  {
    name: "keys of wrong types",
    invitation: { public_key: 7, public_keys: [{}, 1, { public_key: "short" }] },
    reason: "no valid signature",
  },
];

test.each(allVersions.flatMap((version) => cases.map((item) => ({ ...item, version }))))("v$version: $name: $reason", (item) => {
  const { create, member, state } = room(item.version, {
    // The inviter has left: a third-party invite stands on its own.
    members: item.was === undefined ? {} : { [GUEST]: item.was },
    others: [
      {
        type: "m.room.third_party_invite",
        stateKey: "tok",
        sender: INVITER,
        content: "invitation" in item ? (item.invitation ?? {}) : invitation,
      },
    ],
  });
  const part = "signed" in item ? item.signed : signed;
  const content = { membership: "invite", third_party_invite: part ? { signed: part } : {} };
  const verdict = checkAuth(create.version, member(item.sender ?? INVITER, item.target ?? GUEST, content), state);
  if (item.reason === undefined) expect(verdict).toEqual({ allowed: true });
  else expect(verdict).toEqual({ allowed: false, reason: expect.stringContaining(item.reason) });
});

test("a flood of signatures is not verified to the end", () => {
  const signatures = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`ed25519:${i}`, stranger.sign("x")]));
  const { create, member, state } = room("11", {
    others: [{ type: "m.room.third_party_invite", stateKey: "tok", sender: INVITER, content: invitation }],
  });
  const flood = { mxid: GUEST, token: "tok", signatures: { "id.test": { ...signatures, "ed25519:good": identity.sign("x") } } };
  const verdict = checkAuth(create.version, member(INVITER, GUEST, { membership: "invite", third_party_invite: { signed: flood } }), state);
  expect(verdict.allowed).toBe(false);
});
