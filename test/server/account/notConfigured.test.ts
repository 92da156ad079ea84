import { createRoomsServer } from "../rooms/harness";
import type { RoomsServer } from "../rooms/harness";

let server: RoomsServer;
beforeAll(async () => {
  server = await createRoomsServer();
});
afterAll(() => server.close());

const v3 = (path: string): string => `/_matrix/client/v3/login/${path}`;
const page = (path: string): string => `/_synapse/client/${path}`;

test.each([
  v3("sso/redirect?redirectUrl=https://client.test"),
  v3("cas/redirect"),
  v3("sso/redirect/oidc-test?redirectUrl=https://client.test"),
  v3("cas/ticket?ticket=x"),
  ...["oidc/callback", "saml2/authn_response", "pick_idp", "pick_username/check", "new_user_consent", "sso_register"].map(page),
])("%s says that there is no single sign-on", async (path) => {
  const body = { errcode: "M_NOT_FOUND", error: "Single sign-on is not configured on this server" };
  expect(await server.call("GET", path)).toEqual({ status: 404, body });
});

test("neither a policy server nor accounts kept elsewhere", async () => {
  const policy = await fetch(`${server.url}/.well-known/matrix/policy_server`);
  expect([policy.status, await policy.json()]).toMatchObject([404, { errcode: "M_NOT_FOUND" }]);
  const { status, body } = await server.call("GET", "/_matrix/client/v1/auth_metadata");
  expect([status, body.errcode]).toEqual([404, "M_UNRECOGNIZED"]);
});
