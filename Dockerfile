# slim, not alpine: the builds of Node for glibc are the supported ones, and the npm packages of Node, on which
# `npm run build` runs, have no other. The digest is that of the image for all platforms. To move on, change tag and digest
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
# Only what the server imports. Without the npm packages of Node, which are optional dependencies: this image is Node.
RUN npm ci --omit=dev --omit=optional --workspaces=false
# And the drivers of --store postgres://… and nats://…, optional peer dependencies, in the versions of the lock file.
RUN npm install --no-save --save-prod --omit=dev --omit=optional --workspaces=false \
  "pg@$(node -p "require('./package-lock.json').packages['node_modules/pg'].version")" \
  "@nats-io/transport-node@$(node -p "require('./package-lock.json').packages['node_modules/@nats-io/transport-node'].version")"

FROM node:26.10.0-slim@sha256:ec7758ee051e457b468b32bde57b0879010b325bb9862718e9615225ce4aaae1
ENV NODE_ENV=production
# All addresses of the container, so requests need a token: POKEWIRE_TOKEN, else one that is made and printed at the start.
# POKEWIRE_AUTH=off takes that away, and needs POKEWIRE_INSECURE=true beside it.
ENV POKEWIRE_HOST=0.0.0.0 POKEWIRE_AUTH=token
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# The version is read from it.
COPY package.json ./
# For a store on a volume: --store sqlite:/data/pokewire.db. Made here, so that a new volume belongs to the user, too.
RUN install -d -o 1000 -g 1000 /data
VOLUME /data
# The image's user `node`, as a number so that an orchestrator can see that it is not root.
USER 1000:1000
EXPOSE 8080
# Node asks, because the image has no curl. Change the port by POKEWIRE_PORT, not by a flag, so that this finds it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --start-interval=1s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + ((process.env.POKEWIRE_PORT || 8080)) + '/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# In exec form: flags can follow, and SIGTERM reaches Node.
ENTRYPOINT ["node", "dist/main.js"]
