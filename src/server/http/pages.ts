import type { IncomingMessage, ServerResponse } from "node:http";
import type { Express } from "express";
import { SERVER_HEADER } from "../../lib/version";

const LANDING = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>synapse-ts is running</title>
<style>body{font:18px/1.5 sans-serif;max-width:40em;margin:15vh auto;padding:0 1em;text-align:center}</style></head>
<body>
<h1>It works! synapse-ts is running</h1>
<p>This is a Matrix homeserver. To talk through it, use a <a href="https://matrix.org/ecosystem/clients/">Matrix client</a>
and give this address as the homeserver.</p>
</body>
</html>
`;

/** Serves what is meant for browsers and belongs to no API. `webClient` is where `/` leads, instead of the landing page. */
export function createPages(webClient: string | undefined): (request: IncomingMessage, response: ServerResponse) => void {
  let pages: Promise<Express> | undefined;
  return (request, response) => {
    // Loaded only here: clients of the APIs never come this far.
    pages ??= import("express").then(({ default: express }) => pagesOf(express(), webClient));
    void pages.then((app) => void app(request, response));
  };
}

function pagesOf(app: Express, webClient: string | undefined): Express {
  app.disable("x-powered-by").disable("etag").set("query parser", false).set("strict routing", false);
  app.use((_request, response, next) => {
    response.set({ Server: SERVER_HEADER, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY" });
    next();
  });
  app.get("/", (_request, response) => response.redirect(302, webClient ?? "/_matrix/static/"));
  app.get("/_matrix/static", (_request, response) => {
    response
      .set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
      .type("html")
      .send(LANDING);
  });
  app.use((_request, response) => {
    response.status(404).json({ errcode: "M_UNRECOGNIZED", error: "Unrecognized request" });
  });
  return app;
}
