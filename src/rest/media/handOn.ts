import { handOn } from "../../handlers/media/handOn";
import type { ByteReader } from "../../lib/byteReader";
import { byteStream } from "../../lib/schema";
import { reply } from "../reply";
import type { Route, RouteGroup } from "../route";

/** The same routes, for a process that has them answered by another one. Nothing is looked at here but how long the body may be. */
export function handedOn({ name, routes }: RouteGroup): RouteGroup {
  return { name, routes: routes.map(handedOnRoute) };
}

const hasNoBody = (status: number): boolean => status === 204 || status === 304;

function handedOnRoute({ method, paths, definition: { servlet, maxBody, readOnly } }: Route): Route {
  return {
    method,
    paths,
    definition: {
      servlet,
      auth: "none",
      ...(method !== "GET" && { body: byteStream() }),
      ...(maxBody !== undefined && { maxBody }),
      ...(readOnly !== undefined && { readOnly }),
      handle: async ({ app, request, body }) => {
        const { status, headers, body: answer } = await handOn(app, request, body as ByteReader | undefined);
        if (!hasNoBody(status)) return reply({ status, headers, body: answer });
        answer.resume();
        return reply({ status, headers });
      },
    },
  };
}
