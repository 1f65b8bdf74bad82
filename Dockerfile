# slim, not alpine: the builds of Node for glibc are the supported ones, and the npm package `node`, on which
# `npm run build` runs, has no other.
FROM node:26-slim AS base
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

FROM base AS build
RUN npm ci
COPY tsconfig.json tsconfig.build.json build-assets.ts ./
COPY src ./src
RUN npm run build

FROM base AS dependencies
# Without the npm package `node`, a development dependency: this image is Node.
RUN npm ci --omit=dev

FROM node:26-slim
ENV NODE_ENV=production
# All addresses of the container; without --insecure Pokewire refuses those, as it has no authentication. Who can reach
# it is decided where the port is published: docker-compose.yml does so on 127.0.0.1 only.
ENV POKEWIRE_HOST=0.0.0.0 POKEWIRE_INSECURE=true
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# The version is read from it.
COPY package.json ./
# The image's user `node`, as a number so that an orchestrator can see that it is not root.
USER 1000:1000
EXPOSE 8080
# Node asks, because the image has no curl. Change the port by POKEWIRE_PORT, not by a flag, so that this finds it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --start-interval=1s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + ((process.env.POKEWIRE_PORT || 8080)) + '/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# In exec form: flags can follow, and SIGTERM reaches Node.
ENTRYPOINT ["node", "dist/main.js"]
