/**
 * Routes beyond the specification, by where they come from; those under /_synapse need no mention. `v3` stands for the older
 * prefixes too.
 */
export const beyondSpecification: Readonly<Record<string, readonly string[]>> = {
  "Synapse: the same without a transaction id or a state key": [
    "POST /_matrix/client/v3/rooms/:roomId/send/:eventType",
    "POST /_matrix/client/v3/rooms/:roomId/redact/:eventId",
    "PUT /_matrix/client/v3/rooms/:roomId/state/:eventType",
    "GET /_matrix/client/v3/rooms/:roomId/state/:eventType",
  ],
  "Synapse: the same with a transaction id": ["PUT /_matrix/client/v3/join/:roomIdOrAlias/:txnId"],
  "older prefixes that Synapse has for one endpoint alone": [
    "GET /_matrix/client/v3/rooms/:roomId/aliases",
    "GET /_matrix/client/v2_alpha/sync",
    "POST /_matrix/client/v3/account/password/msisdn/requestToken",
  ],
  "keys of devices, with the device in the path as it once was": ["POST /_matrix/client/v3/keys/upload/:deviceId"],
  "pages for browsers": [
    "GET /_matrix/consent",
    "POST /_matrix/consent",
    "GET /_matrix/static/client/login/?",
    "GET /_matrix/client/v3/auth/:stage/fallback/web",
    "POST /_matrix/client/v3/auth/:stage/fallback/web",
  ],
  "Synapse: with a slash at the end, as servers of old days ask": [
    "GET /_matrix/federation/v1/event/:eventId/?",
    "GET /_matrix/federation/v1/state/:roomId/?",
    "GET /_matrix/federation/v1/state_ids/:roomId/?",
    "GET /_matrix/federation/v1/timestamp_to_event/:roomId/?",
    "GET /_matrix/federation/v1/backfill/:roomId/?",
    "PUT /_matrix/federation/v1/send/:txnId/?",
  ],
  "the first versions of what has a second": [
    "PUT /_matrix/federation/v1/send_join/:roomId/:eventId",
    "PUT /_matrix/federation/v1/send_leave/:roomId/:eventId",
  ],
  "MSC2403: knocking, before its release": [
    "GET /_matrix/federation/unstable/xyz.amorgan.knock/make_knock/:roomId/:userId",
    "PUT /_matrix/federation/unstable/xyz.amorgan.knock/send_knock/:roomId/:eventId",
  ],
  "the keys of servers, one by one, as they were once asked for": [
    "GET /_matrix/key/v2/server/?",
    "GET /_matrix/key/v2/server/:keyId",
    "GET /_matrix/key/v2/query/:serverName/?",
    "GET /_matrix/key/v2/query/:serverName/:keyId",
  ],
  "Synapse: signing on with CAS": ["GET /_matrix/client/v3/login/:kind(sso|cas)/redirect", "GET /_matrix/client/v3/login/cas/ticket"],
  "Synapse: notices of identity servers, by another method": ["POST /_matrix/federation/v1/3pid/onbind"],
  "links in mails": [
    "GET /_matrix/client/unstable/registration/:medium/submit_token",
    "GET /_matrix/client/unstable/add_threepid/email/submit_token",
    "POST /_matrix/client/unstable/add_threepid/msisdn/submit_token",
  ],
  "MSC2000: password policies": ["GET /_matrix/client/v3/password_policy"],
  "MSC2432: aliases of a room, before its release": ["GET /_matrix/client/unstable/org.matrix.msc2432/rooms/:roomId/aliases"],
  "Synapse: taking a room out of the directory of a network": ["DELETE /_matrix/client/v3/directory/list/appservice/:networkId/:roomId"],
  "MSC2659: pings of application services, before their release": [
    "POST /_matrix/client/unstable/fi.mau.msc2659/appservice/:appserviceId/ping",
  ],
  "MSC2666: rooms in common, before their release": ["GET /_matrix/client/unstable/uk.half-shot.msc2666/user/mutual_rooms"],
  "MSC2918: refresh tokens, before their release": [
    "POST /_matrix/client/unstable/org.matrix.msc2918.refresh_token/refresh",
    "POST /_matrix/client/v1/refresh",
    "POST /_matrix/client/v3/tokenrefresh",
  ],
  "Synapse: how much there is to a room": ["GET /_matrix/federation/unstable/rooms/:roomId/complexity"],
  "MSC2946: hierarchies of spaces, before their release": ["GET /_matrix/client/unstable/org.matrix.msc2946/rooms/:roomId/hierarchy"],
  "MSC3266: summaries of rooms, before their release": [
    "GET /_matrix/client/unstable/im.nheko.summary/summary/:roomIdOrAlias",
    "GET /_matrix/client/unstable/im.nheko.summary/rooms/:roomIdOrAlias/summary",
  ],
  "MSC3030: events by time, before their release": [
    "GET /_matrix/client/unstable/org.matrix.msc3030/rooms/:roomId/timestamp_to_event",
    "GET /_matrix/federation/unstable/org.matrix.msc3030/timestamp_to_event/:roomId/?",
  ],
  "MSC3231: registration tokens, before their release": [
    "GET /_matrix/client/unstable/org.matrix.msc3231/register/org.matrix.msc3231.login.registration_token/validity",
  ],
  "MSC3391: removing account data": [
    "DELETE /_matrix/client/unstable/org.matrix.msc3391/user/:userId/account_data/:type",
    "DELETE /_matrix/client/unstable/org.matrix.msc3391/user/:userId/rooms/:roomId/account_data/:type",
  ],
  "MSC3814: dehydrated devices": [
    "GET /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device",
    "PUT /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device",
    "DELETE /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device",
    "POST /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device/:deviceId/events",
    "GET /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device/:deviceId/events",
  ],
  "MSC3882: login tokens, before their release": ["POST /_matrix/client/unstable/org.matrix.msc3882/login/token"],
  "MSC4140: delayed events": [
    "PUT /_matrix/client/unstable/org.matrix.msc4140/rooms/:roomId/delayed_event/:eventType/:txnId",
    "GET /_matrix/client/unstable/org.matrix.msc4140/delayed_events",
    "GET /_matrix/client/unstable/org.matrix.msc4140/delayed_events/:delayId",
    "POST /_matrix/client/unstable/org.matrix.msc4140/delayed_events/:delayId",
    "POST /_matrix/client/unstable/org.matrix.msc4140/delayed_events/:delayId/:action(send|cancel|restart)",
  ],
  "MSC4151: reports of rooms, before their release": ["POST /_matrix/client/unstable/org.matrix.msc4151/rooms/:roomId/report"],
  "MSC4186: simplified sliding sync": ["POST /_matrix/client/unstable/org.matrix.simplified_msc3575/sync"],
  "MSC4260: reports of users, before their release": ["POST /_matrix/client/unstable/org.matrix.msc4260/users/:userId/report"],
  "MSC4133: more profile fields, before their release": [
    "GET /_matrix/client/unstable/uk.tcpip.msc4133/profile/:userId/:field",
    "PUT /_matrix/client/unstable/uk.tcpip.msc4133/profile/:userId/:field",
    "DELETE /_matrix/client/unstable/uk.tcpip.msc4133/profile/:userId/:field",
  ],
};
