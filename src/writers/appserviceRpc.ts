import type { JsonValue } from "../lib/json";
import type { ThirdPartyQuery } from "../remote/appserviceClient";
import { defineRpc } from "../replication/rpc";

/** What an application service is asked beside the transactions that it is sent. */
export type AppserviceQuestion = { readonly serviceId: string } & (
  | { readonly kind: "user" | "alias"; readonly id: string }
  | { readonly kind: "thirdparty"; readonly query: ThirdPartyQuery }
  | { readonly kind: "ping"; readonly txnId: string | undefined }
);

interface AskApp {
  readonly appservices: { answer(question: AppserviceQuestion): Promise<JsonValue> };
}

/** Has the process that sends to an application service ask it, so that all traffic to it comes from one place. */
export const askAppservice = defineRpc<AskApp, AppserviceQuestion, JsonValue>({
  name: "ask_appservice",
  owner: ({ serviceId }) => ({ stream: "appservice_sender", key: serviceId }),
  repeatable: true,
  handle: ({ appservices }, questions) => Promise.all(questions.map((question) => appservices.answer(question))),
});
