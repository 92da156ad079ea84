import type { ShowSasCallbacks, VerificationRequest, Verifier } from "matrix-js-sdk/lib/crypto-api";
import { eventually } from "../builders/eventually";
import type { CryptoUser } from "./cryptoUser";
import type { Sdk } from "./sdk";
import { PATIENCE_MS } from "./user";

export interface Parties {
  readonly one: CryptoUser;
  readonly other: CryptoUser;
  /** How the first of them asks for it. */
  request(): Promise<VerificationRequest>;
}

/** Two people, or one with two devices, compare emoji and find them equal. */
export async function verify(sdk: Sdk, { one, other, request }: Parties): Promise<void> {
  const { VerificationRequestReceived } = sdk.cryptoApi.CryptoEvent;
  const { Ready, Started, Done } = sdk.cryptoApi.VerificationPhase;
  const received = new Promise<VerificationRequest>((resolve) => other.client.once(VerificationRequestReceived, resolve));
  const [asked, answered] = await Promise.all([request(), received]);
  await answered.accept();
  await eventually(() => asked.phase === Ready, PATIENCE_MS);
  const first = await asked.startVerification("m.sas.v1");
  await eventually(() => answered.phase === Started && answered.verifier !== undefined, PATIENCE_MS);
  const second = answered.verifier as Verifier;
  const shown = [emoji(sdk, first), emoji(sdk, second)];
  const verified = Promise.all([first.verify(), second.verify()]);
  const [left, right] = await Promise.all(shown);
  expect(left?.sas.emoji).toHaveLength(7);
  expect(left?.sas.emoji).toEqual(right?.sas.emoji);
  await Promise.all([left?.confirm(), right?.confirm()]);
  await verified;
  await eventually(() => asked.phase === Done && answered.phase === Done, PATIENCE_MS);
  expect(one.deviceId).not.toBe(other.deviceId);
}

function emoji(sdk: Sdk, verifier: Verifier): Promise<ShowSasCallbacks> {
  return new Promise((resolve) => verifier.once(sdk.cryptoApi.VerifierEvent.ShowSas, resolve));
}
