# slim, not alpine: only Node's builds for glibc are supported, and the npm packages of Node, on which
# `npm run build` runs, have no others. The digest is that of the image for all platforms. To update it, change tag and digest
# together in both places: `docker buildx imagetools inspect node:26.10.0-slim --format '{{.Manifest.Digest}}'`.
FROM node:26.10.0-slim@sha256:ec7758ee051e457b468b32bde57b0879010b325bb9862718e9615225ce4aaae1 AS base
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY tools ./tools

FROM base AS build
RUN npm ci
COPY tsconfig.json tsconfig.build.json tsconfig.client.json build-assets.ts ./
COPY src ./src
COPY deploy ./deploy
RUN npm run build

FROM base AS dependencies
# Only packages that the server imports. Omits the npm packages of Node, which are optional dependencies: the image has Node.
RUN npm ci --omit=dev --omit=optional --workspaces=false
# Also the drivers of --store postgres://… and nats://…, optional peer dependencies, in the versions of the lock file.
RUN npm install --no-save --save-prod --omit=dev --omit=optional --workspaces=false \
  "pg@$(node -p "require('./package-lock.json').packages['node_modules/pg'].version")" \
  "@nats-io/transport-node@$(node -p "require('./package-lock.json').packages['node_modules/@nats-io/transport-node'].version")"

FROM node:26.10.0-slim@sha256:ec7758ee051e457b468b32bde57b0879010b325bb9862718e9615225ce4aaae1
ENV NODE_ENV=production
# Listens on all addresses of the container, so requests need a token: POKEWIRE_TOKEN, or else one that the start generates and prints.
# POKEWIRE_AUTH=off turns authentication off, and requires POKEWIRE_INSECURE=true.
ENV POKEWIRE_HOST=0.0.0.0 POKEWIRE_AUTH=token
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# The server reads its version from it.
COPY package.json ./
# For a store on a volume: --store sqlite:/data/pokewire.db. Created here, so that a new volume belongs to the user too.
RUN install -d -o 1000 -g 1000 /data
VOLUME /data
# The image's user `node`, as a number, so that an orchestrator can check that it is not root.
USER 1000:1000
EXPOSE 8080
# Uses Node, because the image has no curl. Change the port with POKEWIRE_PORT rather than a flag, so that this check uses it too.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --start-interval=1s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + ((process.env.POKEWIRE_PORT || 8080)) + '/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# In exec form, so that flags can follow and SIGTERM reaches Node.
ENTRYPOINT ["node", "dist/main.js"]
